#!/usr/bin/env bats
# lockstep data: what all its commands have in common; info and sheet.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

@test "no file is replaced without --force, and then only one of the same kind" {
    "$LOCKSTEP" data synth --train 26 --test 0 --out set.h5
    before=$(sha256sum set.h5)
    fails 2 "'set.h5' exists already; use --force to replace it" \
        synth --train 52 --test 0 --out set.h5
    same_text "$before" "$(sha256sum set.h5)"
    "$LOCKSTEP" data synth --train 52 --test 0 --out set.h5 --force
    other_text "$before" "$(sha256sum set.h5)"
    : >empty
    "$LOCKSTEP" data synth --train 26 --test 0 --out empty --force
    h5dump -n empty | grep -q /train/images
    echo precious >x.txt
    for force in '' --force; do
        fails 2 "'x.txt' cannot be written: it is a text file, not a data set, and is not replaced" \
            synth --train 26 --test 0 --out x.txt $force
        fails 2 "'x.txt' cannot be written: it is a text file, not a PNG image" \
            sheet set.h5 --out x.txt $force
    done
    [ "$(cat x.txt)" = precious ]
}

@test "the same images as IDX, as plain IDX, as CSV and as PNG have one hash" {
    emnist_like e
    py <<'END'
import gzip, os, numpy as np, fixtures
for split in ("train", "test"):
    for kind in ("images-idx3", "labels-idx1"):
        name = "e-%s-%s-ubyte" % (split, kind)
        open(name, "wb").write(gzip.open(name + ".gz").read())
    upright = np.load(split + "-upright.npy")
    labels = upright[:, 0, 0]
    with open(split + ".csv", "w") as f:
        f.write("label," + ",".join("pixel%d" % i for i in range(784)) + "\n")
        for x, label in zip(upright, labels):
            f.write("%d,%s\r\n" % (label - 1, ",".join(map(str, x.reshape(-1)))))
    order = np.argsort(labels, kind="stable")
    with open(split + "-sorted.csv", "w") as f:
        for i in order:
            f.write("%d,%s\n" % (labels[i] - 1, ",".join(map(str, upright[i].reshape(-1)))))
    for i, x in enumerate(upright):
        folder = "png/%s/%s" % (split, chr(ord("A") + labels[i] - 1))
        os.makedirs(folder, exist_ok=True)
        fixtures.png("%s/%05d.png" % (folder, i), x)
END
    for z in .gz ''; do
        "$LOCKSTEP" data import-idx --transpose --label-base 1 --classes letters \
            --images e-train-images-idx3-ubyte$z --labels e-train-labels-idx1-ubyte$z \
            --test-images e-test-images-idx3-ubyte$z \
            --test-labels e-test-labels-idx1-ubyte$z --out idx$z.h5
    done
    "$LOCKSTEP" data import-csv train.csv --test test.csv --classes letters --out csv.h5
    "$LOCKSTEP" data import-csv train-sorted.csv --test test-sorted.csv --classes letters \
        --out sorted.h5
    "$LOCKSTEP" data import-dir png --invert no --out png.h5
    same_hash idx.h5 idx.gz.h5
    same_hash idx.h5 csv.h5
    other_hash idx.h5 sorted.h5
    same_hash png.h5 sorted.h5
}

@test "info counts, names and verifies; a changed pixel is found" {
    "$LOCKSTEP" data synth --train 53 --test 26 --out s.h5
    run "$LOCKSTEP" data info s.h5
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "data set   s.h5" ]
    [ "${lines[1]}" = "source     built-in letters, seed 1" ]
    [ "${lines[2]}" = "images     28 x 28 pixels, 53 for training, 26 for testing" ]
    [[ $output == *"  A          3     1"* ]]
    [[ ${lines[-1]} == "  all       53    26" ]]
    py <<'END'
import h5py
with h5py.File("s.h5", "r+") as f:
    f["train/images"][7, 3, 3] ^= 1
END
    "$LOCKSTEP" data info s.h5
    run "$LOCKSTEP" data info s.h5 --verify
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == "lockstep: data set 's.h5' is damaged: its content has the hash "* ]]
}

@test "sheet draws each class in its row" {
    "$LOCKSTEP" data synth --train 260 --test 0 --out s.h5
    run "$LOCKSTEP" data sheet s.h5 --split train --per-class 5 --out sheet.png
    echo "$output"
    [ "$status" -eq 0 ]
    py <<'END'
import struct, zlib, h5py, numpy as np
data = open("sheet.png", "rb").read()
w, h, depth, color = struct.unpack(">IIBB", data[16:26])
assert (w, h, depth, color) == (2 + 5 * 30, 2 + 26 * 30, 8, 0)
raw, at = b"", 8
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    raw += data[at + 8:at + 8 + n] if kind == b"IDAT" else b""
    at += 12 + n
raw = np.frombuffer(zlib.decompress(raw), np.uint8).reshape(h, w + 1).astype(int)
sheet = np.zeros((h, w), int)
for y in range(h):  # undo the filters
    for x in range(w):
        left = sheet[y, x - 1] if x else 0
        up = sheet[y - 1, x] if y else 0
        corner = sheet[y - 1, x - 1] if x and y else 0
        p = left + up - corner
        paeth = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
        guess = (0, left, up, (left + up) // 2, paeth)[raw[y, 0]]
        sheet[y, x] = (raw[y, x + 1] + guess) % 256
with h5py.File("s.h5", "r") as f:
    labels = f["train/labels"][:]
    for c in range(26):
        for k, i in enumerate(np.flatnonzero(labels == c)[:5]):
            cell = sheet[2 + 30 * c:30 + 30 * c, 2 + 30 * k:30 + 30 * k]
            assert (cell == f["train/images"][i]).all()
END
}

@test "wrong command lines end with exit code 2" {
    fails 2 "which data command?"
    fails 2 "unknown data command 'import-idy'; did you mean 'import-idx'?" import-idy
    fails 2 "where to write is missing: --out FILE" synth
    fails 2 "unknown option '--trian'; did you mean '--train'?" synth --trian 5 --out x.h5
    fails 2 "--train 3" synth --train 3 --out x.h5
    fails 2 "--images FILE --labels FILE" import-idx --out x.h5
    fails 2 "must be given together" import-idx --images a --labels b --test-images c --out x.h5
    fails 2 "class 'A' is listed twice" import-csv t.csv --classes A,A --out x.h5
    fails 2 "'--size 28by28'" import-csv t.csv --size 28by28 --out x.h5
    fails 2 "'--test-share 1.5'" import-csv t.csv --test-share 1.5 --out x.h5
    fails 2 "--test-share makes no sense" import-csv t.csv --test u --test-share 0.1 --out x.h5
    fails 2 "'--invert maybe'" import-dir d --invert maybe --out x.h5
    fails 2 "'--split dev'" sheet s.h5 --split dev --out x.png
    fails 1 "there is no folder 'no/such'" synth --out no/such/x.h5
    run "$LOCKSTEP" data import-idx --help
    [ "$status" -eq 0 ]
    [[ $output == *"--label-base N"* ]]
}

# Without the signal each command would work for many seconds, on any machine.
@test "a signal ends a data command, and nothing is written" {
    mkdir -p d/a d/b
    py <<'END'
import os, fixtures
fixtures.png("large.png", [[7] * 3000] * 3000)
for i in range(1000):
    os.link("large.png", "d/%s/%d.png" % ("ab"[i % 2], i))
END
    for work in "synth --train 3000000 --test 0" "import-dir d"; do
        "$LOCKSTEP" data $work --out x.h5 2>said &
        poll takes $! TERM
        kill -TERM $!
        status=0
        wait $! || status=$?
        echo "$work: status $status: $(<said)"
        [ "$status" -eq 1 ]
        grep -q '^lockstep: interrupted: nothing was written$' said
        [ -z "$(compgen -G 'x.h5*')" ]
    done
}

@test "on a full disk the old file stays and no partial file is left" {
    mkdir full
    mount -t tmpfs -o size=2m tmpfs full 2>/dev/null || skip "no right to mount a small disk"
    "$LOCKSTEP" data synth --train 26 --test 0 --out full/x.h5
    kept_before=$(sha256sum <full/x.h5)
    for kilobytes in 0 1000 1900 2048; do # of the disk taken by others
        head -c ${kilobytes}K /dev/zero >full/other 2>/dev/null || true
        run "$LOCKSTEP" data synth --train 4000 --test 26 --out full/x.h5 --force
        listing=$(ls full)
        kept=$(sha256sum <full/x.h5)
        [[ $status -eq 1 && ${#lines[@]} -eq 1 ]] || break
        [[ $output == "lockstep: cannot write 'full/x.h5': No space left on device"* ]] || break
    done
    "$LOCKSTEP" data synth --train 26 --test 26 --out s.h5
    sheet=$("$LOCKSTEP" data sheet s.h5 --out full/s.png 2>&1 || true)
    after=$(ls full)
    umount full
    echo "$kilobytes: $status: $output; $listing; $sheet; $after"
    [ "$kilobytes" -eq 2048 ]
    [ "$status" -eq 1 ]
    [ "$listing" = $'other\nx.h5' ]
    same_text "$kept" "$kept_before"
    [ "$sheet" = "lockstep: cannot write 'full/s.png': No space left on device" ]
    [ "$after" = $'other\nx.h5' ]
}
