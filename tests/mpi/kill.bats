#!/usr/bin/env bats
# Any process may be killed at any instant: the same command, on any number of ranks, goes
# on from the newest checkpoint and ends with the same bits.
# Core: part of `make test`.

OPTIONS=(--set train.batch=50 --set train.grain=8 --set log.every=2
    --set checkpoint.every_steps=1 --set checkpoint.keep=2)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# With a checkpoint at each step, much of the time is spent on writing them.
@test "a run that is killed several times, on other ranks each time, ends with the same state" {
    all=("${OPTIONS[@]}" "${ENDLESS[@]}" --resume)
    start 4 killed "$LETTERS" "${all[@]}"
    until_lines killed 3
    kill -KILL "${PIDS[2]}"
    ends_with 137 killed

    start 2 killed "$LETTERS" "${all[@]}" --threads 2
    until_lines killed 4
    kill -KILL "${PIDS[0]}"
    ends_with 137 killed

    start 1 killed "$LETTERS" "${all[@]}"
    until_lines killed 3
    kill -KILL "${PIDS[@]}"
    ends_with 137 killed

    # ranks whose mpirun was killed run on for a moment
    start 3 killed "$LETTERS" "${all[@]}"
    until_lines killed 2
    kill -KILL $JOB
    ends_with 137 killed
    ls killed/checkpoints

    ends_as_undisturbed 5 killed "$LETTERS" "${OPTIONS[@]}"
    grep -E '^(resumed|finished)' killed/log.txt
    [ "$(grep -c "^resumed from 'killed/" killed/log.txt)" -eq 4 ]

    # what the killed writers left behind is gone
    same_text "$(ls killed/checkpoints)" "$(ls calm/checkpoints)"
    same_text "$(ls killed)" "$(ls calm)"
    newest=$(ls calm/checkpoints | tail -n 1)
    h5 {calm,killed}/checkpoints/{best.h5,"$newest"} <<'END'
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

@test "a run that was killed before its first checkpoint starts again" {
    mkdir early early/checkpoints
    echo 'a header' >early/log.txt
    head -c 100 /dev/zero >early/checkpoints/step-000000000001.h5.tmp.host.1
    train 2 "$LETTERS" --run early "${OPTIONS[@]}" --set train.steps=5 --resume >early.out 2>early.err
    grep -q "^note: no usable checkpoint in 'early': starting from the beginning" early.err
    grep -q '^finished step 5 of 5 ' early.out
    [ "$(ls early/checkpoints | xargs)" = "best.h5 step-000000000004.h5 step-000000000005.h5" ]
    [ "$(head -n 1 early/log.txt)" = 'a header' ]
}
