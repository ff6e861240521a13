#!/usr/bin/env bats
# Data sets as HDF5 files: those of other programs, and damaged ones.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

# own.h5, written as a user would write it; packed.h5, the same with compressed images.
own_set() {
    py <<'END'
import h5py, numpy as np
rng = np.random.default_rng(3)
with h5py.File("own.h5", "w") as f:
    for split, n in (("train", 90), ("test", 30)):
        f[split + "/images"] = rng.integers(0, 256, (n, 28, 28), np.uint8)
        f[split + "/labels"] = (np.arange(n) % 3).astype(np.uint8)
    f.attrs["classes"] = ["\u00e4", "b", "see"]
    f.attrs["source"] = "made by hand"
    f.attrs["hash"] = "0123456789abcdef"
    f.attrs["mean"], f.attrs["std"], f.attrs["format_version"] = 0.5, 0.29, 1
    assert h5py.check_string_dtype(f.attrs.get_id("source").dtype).length is None
with h5py.File("own.h5") as old, h5py.File("packed.h5", "w") as new:
    for name in "train", "test":
        new.create_dataset(name + "/images", data=old[name + "/images"], compression="gzip")
        new[name + "/labels"] = old[name + "/labels"][:]
    for name, value in old.attrs.items():
        new.attrs[name] = value
END
}

@test "a data set written by h5py, with texts of variable length, can be trained on" {
    own_set
    run "$LOCKSTEP" data info own.h5
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *$'\nsource     made by hand\n'*$'\nhash       0123456789abcdef\n'* ]]
    [[ $output == *ä*see* ]]
    run "$LOCKSTEP" data info own.h5 --verify
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[-1]} == "cannot be verified: the content has the hash "* ]]
    train=("$LOCKSTEP" train "$ROOT/configs/tiny.conf" --data own.h5 --set train.steps=2
        --set train.batch=20 --threads 1)
    "${train[@]}" --run own >one.out
    mpirun -n 2 "${train[@]}" --run own2 >two.out
    same_state one.out two.out
    run "$LOCKSTEP" data info packed.h5
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"is stored in chunks or compressed; "*"'h5repack -l CONTI -f NONE'"* ]]
    command -v h5repack || return 0
    h5repack -l CONTI -f NONE packed.h5 plain.h5
    "$LOCKSTEP" data info plain.h5
}

# HDF5 keeps such texts in heaps that begin with GCOL, and trusts their content.
@test "damaged texts of variable length end in a message" {
    own_set
    heap=$(grep -abo GCOL own.h5 | head -n 1 | cut -d: -f1)
    for ((i = 0; i < ${FLIPS:-60}; i++)); do
        cp own.h5 bad.h5
        where=$((heap + SRANDOM % 200))
        printf "\\x$(printf %02x $((SRANDOM % 256)))" |
            dd of=bad.h5 bs=1 seek=$where conv=notrunc status=none
        run "$LOCKSTEP" data info bad.h5
        echo "byte $where: status $status: $output"
        ((status <= 1))
        ((status == 0)) || [[ $output == "lockstep: "*"'bad.h5'"* ]]
    done
}

@test "damaged data sets and other files are refused" {
    "$LOCKSTEP" data synth --train 26 --test 26 --out good.h5
    py <<'END'
import h5py, shutil
with h5py.File("other.h5", "w") as f:
    f["x"] = [1, 2, 3]
for name, spoil in (("nolabels", lambda f: f.pop("test/labels")),
                    ("nomean", lambda f: f.attrs.pop("mean"))):
    shutil.copy("good.h5", name + ".h5")
    with h5py.File(name + ".h5", "r+") as f:
        spoil(f)
END
    head -c 20000 good.h5 >cut.h5
    echo text >text.h5
    fails 1 "'other.h5' is not a data set: it holds no '/train/images'" info other.h5
    fails 1 "'nolabels.h5' holds no '/test/labels'" info nolabels.h5
    fails 1 "'nomean.h5' has no attribute 'mean'" info nomean.h5
    fails 1 "cannot open 'cut.h5': the HDF5 file is damaged or cut short" info cut.h5
    fails 1 "'text.h5' is a text file, not an HDF5 file" info text.h5
    fails 1 "cannot open 'nowhere.h5': No such file" sheet nowhere.h5 --out x.png
    fails 1 "it is a folder" info .
}

@test "1, 2 and 3 ranks read data sets, in memory and from the file" {
    for n in 1 2 3; do
        run ranks $n "$LOCKSTEP_BUILD/tests/data/test_dataset"
        echo "$output"
        [ "$status" -eq 0 ]
        [ "$(grep -c 'PASSED  \] 10 test' <<<"$output")" -eq "$n" ]
    done
}
