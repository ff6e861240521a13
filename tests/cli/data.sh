# shellcheck shell=bash
# Sourced by data*.bats, the tests of `lockstep data`:
#   setup() { source "$BATS_TEST_DIRNAME/data.sh"; }

source "$BATS_TEST_DIRNAME/../runs.sh"

# py ARGUMENT...: Python with fixtures.py; the program is stdin.
py() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME /usr/bin/python3 - "$@"
}

# Images and labels as EMNIST Letters has them: transposed, labels 1..26.
emnist_like() { # PREFIX
    py "$1" <<'END'
import sys, numpy as np, fixtures
rng = np.random.default_rng(1)
for split, n in (("train", 130), ("test", 52)):
    labels = (np.arange(n) % 26 + 1).astype(np.uint8)
    upright = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
    upright[:, 0, :] = labels[:, None]  # the first row holds the label
    images = np.ascontiguousarray(upright.transpose(0, 2, 1))
    fixtures.idx("%s-%s-images-idx3-ubyte.gz" % (sys.argv[1], split), images)
    fixtures.idx("%s-%s-labels-idx1-ubyte.gz" % (sys.argv[1], split), labels)
    np.save("%s-upright.npy" % split, upright)
END
}

check_emnist_like() { # FILE
    py "$1" <<'END'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as f:
    for split in ("train", "test"):
        upright = np.load(split + "-upright.npy")
        assert f[split]["images"].dtype == np.uint8 and f[split]["labels"].dtype == np.uint8
        assert f[split]["images"].chunks is None and f[split]["images"].compression is None
        assert (f[split]["images"][:] == upright).all()
        assert (f[split]["labels"][:] == upright[:, 0, 0] - 1).all()
    x = f["train/images"][:] / 255.0
    assert abs(f.attrs["mean"] - x.mean()) < 1e-9 and abs(f.attrs["std"] - x.std()) < 1e-9
    assert [c.decode() for c in f.attrs["classes"]] == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert f.attrs["format_version"] == 1 and len(f.attrs["hash"]) == 16
END
}

# fails STATUS TEXT ARGUMENT...: `lockstep data ARGUMENT...` prints one line with TEXT, and
# leaves no file x.h5 and no part of one.
fails() {
    run "$LOCKSTEP" data "${@:3}"
    echo "data ${*:3}: $status: $output"
    [ "$status" -eq "$1" ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "lockstep: "*"$2"* ]]
    [ -z "$(compgen -G 'x.h5*')" ]
}

hash_of() { # FILE
    "$LOCKSTEP" data info "$1" | sed -n 's/^hash *//p'
}

# same_hash FILE FILE: the same classes, images and labels in the same order.
same_hash() {
    same_text "$(hash_of "$1")" "$(hash_of "$2")"
}

other_hash() { # FILE FILE
    other_text "$(hash_of "$1")" "$(hash_of "$2")"
}
