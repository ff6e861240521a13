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
assert len(first) == 9, sorted(first)
for other in f[1:]:
    there = history(other)
    assert there == first, [n for n in first if there.get(n) != first[n]]
END
}
