# shellcheck shell=bash
# Sourced: questions about HDF5 files.

# h5 FILE...: python with h5py; the program is stdin, f[0], f[1] ... are the opened files.
h5() {
    /usr/bin/python3 -c '
import sys, h5py, numpy as np
f = [h5py.File(name, "r") for name in sys.argv[1:]]
exec(sys.stdin.read())' "$@"
}

# same_history FILE FILE...: the metrics are equal to the bit, except the speed.
same_history() {
    h5 "$@" <<'END'
def history(file):
    found = {}
    file["metrics"].visititems(lambda name, item: found.update(
        {name: item[()].tobytes()} if isinstance(item, h5py.Dataset) else {}))
    del found["train/images_per_second"]
    return found
first = history(f[0])
assert len(first) in (9, 10), sorted(first)
for other in f[1:]:
    there = history(other)
    assert there == first, [n for n in first if there.get(n) != first[n]]
END
}

# tinted FILE HEIGHTxWIDTH NOISE TINT SPLIT=COUNT...: a data set of RGB images in classes red,
# green and blue: noise below NOISE, and TINT more in the channel of the class.
tinted() {
    /usr/bin/python3 -c '
import sys, h5py, numpy as np
path, size, noise, tint = sys.argv[1:5]
h, w = map(int, size.split("x"))
rng = np.random.default_rng(1)
with h5py.File(path, "w") as out:
    for split, n in (word.split("=") for word in sys.argv[5:]):
        y = np.arange(int(n)) % 3
        x = rng.integers(0, int(noise), (len(y), h, w, 3))
        x[np.arange(len(y)), :, :, y] += int(tint)
        out[split + "/images"], out[split + "/labels"] = x.astype("uint8"), y.astype("uint8")
        if split == "train":
            out.attrs.update(mean=x.mean((0, 1, 2)) / 255, std=x.std((0, 1, 2)) / 255)
    out.attrs.update(classes=["red", "green", "blue"], source="a test",
                     hash="0123456789abcdef", format_version=2)' "$@"
}
