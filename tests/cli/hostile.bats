#!/usr/bin/env bats
# Damaged and malicious files end in one line, never in a signal.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 200 50
    train 1 "$TINY" --run base --set train.epochs=2 --set checkpoint.every_epochs=1
    # Checksums protect HDF5 from accidental damage, but not from forged content.
    gcc -shared -fPIC -x c -o forged.so "$ROOT/tests/fuzz/forged.h"
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# with_forged COMMAND...: HDF5 accepts every checksum, in all processes.
with_forged() {
    LD_PRELOAD=$PWD/forged.so ASAN_OPTIONS=verify_asan_link_order=0 "$@"
}

@test "a file on which HDF5 crashes ends in a message from every command" {
    for file in "$ROOT"/tests/fuzz/hdf5/*; do
        for command in "show $file" "predict $file image.png" "data info $file" \
            "eval $file --data letters.h5" "data sheet $file --out sheet.png" \
            "train $TINY --data $file --run never" \
            "train $TINY --data letters.h5 --init $file --run never"; do
            # shellcheck disable=SC2086
            refused 1 "'*' is damaged or malicious: a process that tried to read it *" \
                with_forged "$LOCKSTEP" $command
        done
    done
    [ ! -e never ]
}

@test "under mpirun such a file is named once, and the job ends" {
    run --separate-stderr with_forged ranks 3 "$LOCKSTEP" eval \
        "$ROOT/tests/fuzz/hdf5/segmentation-fault.h5" --data letters.h5
    [ "$status" -eq 1 ]
    [ "$(grep -c 'is damaged or malicious' <<<"$stderr")" -eq 1 ]
}

@test "a run resumes from the checkpoint before one on which HDF5 crashes" {
    # files written with forged checksums must be read with them
    with_forged train 1 "$TINY" --run bad --set train.epochs=2 \
        --set checkpoint.every_epochs=1
    newest=$(find bad/checkpoints -name 'step-*' | sort | tail -n 1)
    [ "$(find bad/checkpoints -name 'step-*' | wc -l)" -ge 2 ]
    cp "$ROOT/tests/fuzz/hdf5/segmentation-fault.h5" "$newest"
    with_forged train 1 "$TINY" --run bad --resume --set train.epochs=2 \
        --set checkpoint.every_epochs=1 2>err
    grep "'$newest' is damaged or malicious" err
    grep "^resumed from 'bad/checkpoints/step-000000000002.h5': step 2 of 4" bad/log.txt
    same_state bad/log.txt base/log.txt
}

@test "a checkpoint or data set with any damage causes no signal and no wrong output" {
    "$LOCKSTEP" data info --verify letters.h5 >verified
    h5 <<'END'
import os, random, subprocess
random.seed(5)
program = os.environ["LOCKSTEP"]
for name, words in (("letters.h5", ["data", "info", "--verify"]),
                    ("base/checkpoints/best.h5", ["show"])):
    whole = open(name, "rb").read()
    good = subprocess.run([program, *words, name], capture_output=True)
    assert good.returncode == 0, good.stderr
    for i in range(60):
        harmed = bytearray(whole)
        if i % 3 == 0:
            harmed = harmed[:random.randrange(len(harmed))]
        else:
            # HDF5's structure is at the beginning and at the end
            at = random.choice([random.randrange(4096), random.randrange(len(harmed)),
                                len(harmed) - 1 - random.randrange(2048)])
            for k in range(random.choice([1, 1, 8, 512])):
                harmed[(at + k) % len(harmed)] = random.randrange(256)
        open("harmed.h5", "wb").write(harmed)
        got = subprocess.run([program, *words, "harmed.h5"], capture_output=True)
        assert got.returncode in (0, 1), (i, got.returncode, got.stderr)
        if got.returncode == 0:
            assert got.stdout.replace(b"harmed.h5", name.encode()) == good.stdout, i
        else:
            said = [s for s in got.stderr.splitlines() if not s.startswith(b"note: ")]
            assert len(said) == 1 and said[0].startswith(b"lockstep: "), (i, said)
END
}

@test "file names reach no shell" {
    evil='$(touch harm);`touch harm`;|touch harm;&& touch harm'
    run "$LOCKSTEP" show "$evil"
    [ "$status" -eq 1 ]
    run "$LOCKSTEP" data info "$evil"
    [ "$status" -eq 1 ]
    cp letters.h5 "$evil.h5"
    "$LOCKSTEP" data info "$evil.h5"
    "$LOCKSTEP" train "$TINY" --data "$evil.h5" --run "$evil run" --threads 1 \
        --set train.epochs=1 --set train.batch=50
    "$LOCKSTEP" eval "$evil run" --data "$evil.h5"
    [ ! -e harm ]
}
