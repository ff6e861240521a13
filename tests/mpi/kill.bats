#!/usr/bin/env bats
# Any process may be killed at any instant: the same command line, on whatever ranks there
# are, goes on from where it was and ends with the same bits.

OPTIONS=(--set train.steps=70 --set train.batch=50 --set train.grain=8 --set log.every=2
    --set checkpoint.every_steps=1 --set checkpoint.keep=2 --resume)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
    train 1 "$LETTERS" --run reference "${OPTIONS[@]}" >reference.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# killed STATUS: the job of `start` ended with STATUS, not by itself.
killed() {
    local status=0
    ended || status=$?
    echo "status $status, wanted $1"
    [ "$status" -eq "$1" ]
}

# With a checkpoint a step, much of the time goes into writing them.
@test "killed again and again, ranks and mpirun, each time on other ranks" {
    start 4 killed "$LETTERS" "${OPTIONS[@]}"
    until_lines killed 3
    kill -KILL "${PIDS[2]}"
    killed 137

    start 2 killed "$LETTERS" "${OPTIONS[@]}" --threads 2
    until_lines killed 4
    kill -KILL "${PIDS[0]}"
    killed 137

    start 1 killed "$LETTERS" "${OPTIONS[@]}"
    until_lines killed 3
    kill -KILL "${PIDS[@]}"
    killed 137

    # Ranks whose mpirun is gone go on for a moment.
    start 3 killed "$LETTERS" "${OPTIONS[@]}"
    until_lines killed 2
    kill -KILL $JOB
    killed 137
    ls killed/checkpoints

    train 5 "$LETTERS" --run killed "${OPTIONS[@]}" >last.out
    grep -E '^(resumed|finished)' killed/log.txt
    [ "$(grep -c "^resumed from 'killed/" killed/log.txt)" -eq 4 ]
    [ "$(state reference.out)" = "$(state last.out)" ]
    same_history reference/metrics.h5 killed/metrics.h5
}

@test "what killed writers left behind is gone, and only what is kept is there" {
    ls killed/checkpoints
    [ "$(ls killed/checkpoints)" = "$(ls reference/checkpoints)" ]
    [ "$(ls killed)" = "$(ls reference)" ]
    h5 {reference,killed}/checkpoints/{best,step-000000000070}.h5 <<'END'
def arrays(file):
    found = {}
    file.visititems(lambda name, item: found.update(
        {name: item[()].tobytes()} if isinstance(item, h5py.Dataset)
        and name != "metrics/train/images_per_second" else {}))
    return found
assert arrays(f[0]) == arrays(f[2]) and arrays(f[1]) == arrays(f[3])
assert f[0].attrs["state"] == f[2].attrs["state"]
END
}

@test "killed before the first checkpoint, it starts again" {
    mkdir early early/checkpoints
    echo 'a header' >early/log.txt
    head -c 100 /dev/zero >early/checkpoints/step-000000000001.h5.tmp.host.1
    train 2 "$LETTERS" --run early "${OPTIONS[@]}" --set train.steps=5 >early.out 2>early.err
    grep -q "^note: no usable checkpoint in 'early': starting from the beginning" early.err
    grep -q '^finished step 5 of 5 ' early.out
    [ "$(ls early/checkpoints | xargs)" = "best.h5 step-000000000004.h5 step-000000000005.h5" ]
    [ "$(head -n 1 early/log.txt)" = 'a header' ]
}
