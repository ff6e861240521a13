#!/usr/bin/env bats
# lockstep data synth: the built-in letters.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

@test "synth writes the same bytes with any number of threads, and others with another seed" {
    "$LOCKSTEP" data synth --train 300 --test 60 --threads 1 --out one.h5
    "$LOCKSTEP" data synth --train 300 --test 60 --threads 3 --out three.h5
    cmp one.h5 three.h5
    "$LOCKSTEP" data synth --train 300 --test 60 --seed 2 --out other.h5
    same_hash one.h5 three.h5
    other_hash one.h5 other.h5
}

@test "h5dump and h5py read the file of synth; classes are balanced, train and test differ" {
    run "$LOCKSTEP" data synth --train 520 --test 52 --out s.h5
    [ "$status" -eq 0 ]
    [ "$output" = "s.h5: 520 training and 52 test images of 28 x 28 pixels, 26 classes" ]
    h5dump -H -p s.h5 >dump
    grep -A3 'DATASET "images"' dump | grep -q 'DATATYPE  H5T_STD_U8LE'
    grep -q '( 520, 28, 28 ) / ( 520, 28, 28 )' dump
    [ "$(grep -c CONTIGUOUS dump)" -eq 6 ]
    h5dump -a classes s.h5 | grep -q '"A", "B", "C"'
    py <<'END'
import h5py, numpy as np
with h5py.File("s.h5", "r") as f:
    assert (np.bincount(f["train/labels"][:]) == 20).all()
    assert (np.bincount(f["test/labels"][:]) == 2).all()
    train = {x.tobytes() for x in f["train/images"][:]}
    test = {x.tobytes() for x in f["test/images"][:]}
    assert len(train) == 520 and len(test) == 52 and not train & test
    assert 0.05 < f.attrs["mean"] < 0.4
END
}
