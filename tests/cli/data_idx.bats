#!/usr/bin/env bats
# lockstep data import-idx: IDX files, plain and gzip; scripts/get_emnist.sh.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

@test "import-idx reads EMNIST's transposed images and labels from 1" {
    emnist_like e
    run "$LOCKSTEP" data import-idx --transpose --label-base 1 --classes letters \
        --images e-train-images-idx3-ubyte.gz --labels e-train-labels-idx1-ubyte.gz \
        --test-images e-test-images-idx3-ubyte.gz \
        --test-labels e-test-labels-idx1-ubyte.gz --out e.h5
    echo "$output"
    [ "$status" -eq 0 ]
    check_emnist_like e.h5
    "$LOCKSTEP" data info e.h5 --verify | grep -q '^verified'
}

@test "bad IDX files are refused with one line, and nothing is written" {
    emnist_like e
    image=e-train-images-idx3-ubyte.gz label=e-train-labels-idx1-ubyte.gz
    import="import-idx --label-base 1 --classes letters --out x.h5"
    printf 'hello, world' >text
    head -c 20000 $image >short.gz
    gunzip -c $image | head -c 5000 >short
    { gunzip -c $image && printf x; } >long
    { cat $image && printf junk; } >junk.gz
    printf '\0\0\10\3\377\377\377\377\377\377\377\377\377\377\377\377' >absurd
    printf '\0\0\10\3\177\377\377\377\0\0\0\34\0\0\0\34abc' >huge
    printf '\0\0\15\1\0\0\0\1abcd' >float
    : >empty
    fails 1 "'text' is a text file, not an IDX file (wrong magic number)" $import --images text --labels $label
    fails 1 "'empty' is an empty file, not an IDX file" $import --images empty --labels $label
    fails 1 "gzip file 'short.gz' is cut short" $import --images short.gz --labels $label
    fails 1 "IDX file 'short' is cut short" $import --images short --labels $label
    fails 1 "'long' continues after" $import --images long --labels $label
    fails 1 "bytes after the end of the gzip data in 'junk.gz'" $import --images junk.gz --labels $label
    fails 1 "impossible size" $import --images absurd --labels $label
    fails 1 "announces 1683627179248 bytes of data, it holds 3" $import --images huge --labels $label
    fails 1 "holds type 0x0d" $import --images $image --labels float
    fails 1 "No such file" $import --images $image --labels nowhere.gz
    fails 1 "holds 130 images but 'e-test-labels-idx1-ubyte.gz' 52 labels" \
        $import --images $image --labels e-test-labels-idx1-ubyte.gz
    fails 1 "are they swapped" $import --images $label --labels $image
}

@test "an absurd size in a header takes no memory" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "sanitizers take address space themselves"
    printf '\0\0\10\3\177\377\377\377\0\0\0\34\0\0\0\34abc' >huge
    ulimit -v 2000000
    fails 1 "bytes of data, it holds 3" import-idx --images huge --labels huge --out x.h5
}

@test "labels out of range and empty classes are refused" {
    emnist_like e
    import="import-idx --images e-train-images-idx3-ubyte.gz --labels e-train-labels-idx1-ubyte.gz --out x.h5"
    fails 1 "label 26 at item 25 of 'e-train-labels-idx1-ubyte.gz' is out of range: 26 classes with label base 0 have labels 0 to 25" \
        $import --classes letters
    fails 1 "label 1 at item 0 of 'e-train-labels-idx1-ubyte.gz' is below the label base 2" \
        $import --label-base 2
    fails 1 "begin at 1: give --label-base 1, or --allow-empty" $import
    "$LOCKSTEP" data $import --allow-empty
    [ -f x.h5 ]
}

@test "get_emnist.sh imports the archive it expects and refuses any other" {
    mkdir gzip
    emnist_like gzip/emnist-letters
    /usr/bin/python3 -m zipfile -c emnist.zip gzip
    run "$ROOT/scripts/get_emnist.sh" --zip emnist.zip out/letters.h5
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"'emnist.zip' is not what was expected"* ]]
    export EMNIST_MD5
    EMNIST_MD5=$(md5sum <emnist.zip | cut -d' ' -f1)
    "$ROOT/scripts/get_emnist.sh" --zip emnist.zip out/letters.h5
    check_emnist_like out/letters.h5
    [ "$(ls out)" = letters.h5 ]
    run "$ROOT/scripts/get_emnist.sh" --zip emnist.zip out/letters.h5
    [ "$status" -eq 1 ]
    [[ $output == *"exists already"* ]]
    EMNIST_URL=file://$PWD/emnist.zip "$ROOT/scripts/get_emnist.sh" fetched/letters.h5
    check_emnist_like fetched/letters.h5
    run "$ROOT/scripts/get_emnist.sh" --help
    [ "$status" -eq 2 ]
}

@test "the real letters and digits are imported with their known counts" {
    need_data
    d=$LOCKSTEP_DATA/letters/letters
    "$LOCKSTEP" data import-idx --classes letters --out l.h5 \
        --images "$d-train-images-idx3-ubyte.gz" --labels "$d-train-labels-idx1-ubyte.gz" \
        --test-images "$d-test-images-idx3-ubyte.gz" \
        --test-labels "$d-test-labels-idx1-ubyte.gz"
    run "$LOCKSTEP" data info l.h5 --verify
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"28 x 28 pixels, 74979 for training, 12496 for testing"* ]]
    [[ $output == *"  A       4643    "* && $output == *"  Z       1608    "* ]]
    d=$LOCKSTEP_DATA/mnist
    "$LOCKSTEP" data import-idx --classes digits --out d.h5 \
        --images "$d/train-images-idx3-ubyte.gz" --labels "$d/train-labels-idx1-ubyte.gz" \
        --test-images "$d/t10k-images-idx3-ubyte.gz" \
        --test-labels "$d/t10k-labels-idx1-ubyte.gz"
    py "$d" <<'END'
import gzip, sys, h5py, numpy as np
raw = gzip.open(sys.argv[1] + "/t10k-images-idx3-ubyte.gz").read()
with h5py.File("d.h5", "r") as f:
    assert (f["test/images"][:].reshape(-1) == np.frombuffer(raw, np.uint8)[16:]).all()
    assert abs(f.attrs["mean"] - 0.1307) < 1e-4 and abs(f.attrs["std"] - 0.3081) < 1e-4
END
}
