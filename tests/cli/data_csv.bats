#!/usr/bin/env bats
# lockstep data import-csv.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

@test "import-csv keeps a share of each class for testing" {
    py <<'END'
with open("t.csv", "w") as f:
    for i in range(200):
        f.write("%d,%d,1,2,%d\n" % (i % 2, i, 255 - i))
END
    "$LOCKSTEP" data import-csv t.csv --test-share 0.25 --out csv.h5
    run "$LOCKSTEP" data info csv.h5
    [[ $output == *"150 for training, 50 for testing"* ]]
    [[ $output == *"  0         75    25"* ]]
    "$LOCKSTEP" data import-csv t.csv --test-share 0.25 --seed 2 --out seed.h5
    other_hash csv.h5 seed.h5
}

@test "labels of more than 256 classes are stored as uint16" {
    py <<'END'
with open("t.csv", "w") as f:
    for i in range(300):
        f.write("%d,%d,1,2,%d\n" % (i, i % 256, i // 2))
END
    "$LOCKSTEP" data import-csv t.csv --test-share 0 --out t.h5
    h5dump -d /train/labels -s 299 -c 1 t.h5 >dump
    grep -q H5T_STD_U16LE dump
    grep -q '(299): 299' dump
}

@test "bad CSV rows are refused with the number of their line" {
    row=7,1,2,3,4
    csv() { printf "$1" >t.csv && fails 1 "$2" import-csv t.csv --out x.h5; }
    csv "$row\n7,1,2,3\n" "line 2 of 't.csv' has 4 columns, but line 1 has 5"
    csv "label,a,b,c,d\n$row\n$row\n7,1,256,3,4\n" "line 4 of 't.csv': pixel 256 in column 3 is not within 0..255"
    csv "$row\n7,1,-1,3,4\n" "line 2 of 't.csv': pixel -1 in column 3 is not within 0..255"
    csv "$row\n7,1,abc,3,4\n" "line 2 of 't.csv': 'abc' in column 3 is not a number"
    csv "7,1,2,3,4,5\n" "5 pixels in 't.csv' do not make a square image"
    csv "70000,1,2,3,4\n" "label 70000 at line 1 of 't.csv' is out of range"
    csv "" "'t.csv' holds no images"
}
