#!/usr/bin/env bats
# TERM, INT, USR1 and USR2 on any process of a run, at any time: all ranks stop after the
# same step, its checkpoint is written, the exit code is 75, and the same command goes on.

OPTIONS=(--set train.batch=60 --set train.grain=12 --set log.every=1
    --set checkpoint.every_epochs=0 --resume)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
    train 1 "$LETTERS" --run calm "${OPTIONS[@]}" --set train.steps=600 >calm.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# stops RUN: the job ends with 75 and left a checkpoint of the step it came to, which it
# said once.
stops() {
    local step stops
    stops=$(grep -c '^stopped step' "$1/log.txt") || :
    ends_with 75 "$1"
    [ "$(grep -c '^stopped step' "$1/log.txt")" -eq $((stops + 1)) ]
    step=$(sed -nE 's/^stopped step ([0-9]+) of .*/\1/p' "$1/log.txt" | tail -n 1)
    [ -f "$(printf '%s/checkpoints/step-%012d.h5' "$1" "$step")" ]
    [ "$(grep -c '^stopped on request; the same' "$1/log.txt")" -eq $((stops + 1)) ]
    [ ! -e "$1/lock" ]
}

# as_calm RUN: it ended as the undisturbed run did.
as_calm() {
    same_state "$1.out" calm.out
    same_history calm/metrics.h5 "$1/metrics.h5"
    same_trace "$1/log.txt" calm/log.txt
}

@test "each signal on another rank, USR1 and USR2 on mpirun" {
    all=("${OPTIONS[@]}" --set train.steps=600)
    for target in TERM:0 INT:1 USR1:2 USR2:3 INT:0 TERM:2; do
        echo "$target"
        start 4 ranks "$LETTERS" "${all[@]}"
        until_lines ranks 2
        kill "-${target%:*}" "$(pid_of "${target#*:}")"
        stops ranks
    done
    for signal in USR1 USR2; do
        start 3 ranks "$LETTERS" "${all[@]}"
        until_lines ranks 2
        kill -$signal "$JOB"
        stops ranks
    done
    start 2 ranks "$LETTERS" "${all[@]}"
    ends_with 0 ranks
    as_calm ranks
}

@test "signals from all sides at once are one stop" {
    all=("${OPTIONS[@]}" --set train.steps=600)
    start 4 many "$LETTERS" "${all[@]}"
    until_lines many 2
    kill -USR2 "$JOB"
    kill -TERM "${PIDS[@]}"
    kill -USR1 "${PIDS[@]}"
    kill -INT "${PIDS[@]}"
    stops many
    start 1 many "$LETTERS" "${all[@]}"
    ends_with 0 many
    as_calm many
}

# mpirun itself blocks nothing in what it starts: what blocks USR1 is lockstep.
@test "a signal during the start is not lost: 75, and nothing else happened" {
    all=("${OPTIONS[@]}" --set train.steps=600)
    for ((i = 0; i < 5; i++)); do
        start 2 young "$LETTERS" "${all[@]}"
        poll takes "${PIDS[i % 2]}" USR1
        sleep "0.$((i * 7))"
        kill -USR1 "${PIDS[i % 2]}"
        stops young
    done
    start 2 young "$LETTERS" "${all[@]}"
    ends_with 0 young
    as_calm young
}

# Each epoch is one step and a long evaluation.
@test "a signal during an evaluation" {
    letters exam.h5 60 6000
    exam=("${OPTIONS[@]}" --data exam.h5 --set train.steps=12)
    train 1 "$LETTERS" --run exam-calm "${exam[@]}" >exam-calm.out
    for ranks in 2 3; do
        start $ranks exam "$LETTERS" "${exam[@]}"
        until_lines exam 2
        kill -TERM "$(pid_of $((ranks - 1)))"
        stops exam
        step=$(sed -nE 's/^stopped step ([0-9]+) of .*/\1/p' exam/log.txt | tail -n 1)
        echo "stopped at step $step: $(grep -c "^eval step $step " exam/log.txt)"
    done
    [ "$(grep -c '^eval' exam/log.txt)" -lt 12 ]
    start 2 exam "$LETTERS" "${exam[@]}"
    ends_with 0 exam
    same_state exam.out exam-calm.out
    same_history exam-calm/metrics.h5 exam/metrics.h5
}

@test "a signal on a rank that has no grain" {
    all=("${OPTIONS[@]}" --set train.grain=30 --set train.steps=600)
    train 1 "$LETTERS" --run idle-calm "${all[@]}" >idle-calm.out
    start 4 idle "$LETTERS" "${all[@]}"
    until_lines idle 2
    grep -q '4 ranks but only 2 grains in a batch' idle.err
    kill -USR1 "$(pid_of 3)"
    stops idle
    start 4 idle "$LETTERS" "${all[@]}"
    ends_with 0 idle
    same_state idle.out idle-calm.out
    same_history idle-calm/metrics.h5 idle/metrics.h5
}

# A rank that is stopped keeps the others from stopping in order.
@test "a second INT on a rank ends the job at once, and it can go on" {
    all=("${OPTIONS[@]}" --set train.steps=600 --set checkpoint.every_steps=1)
    start 3 twice "$LETTERS" "${all[@]}"
    until_lines twice 3
    kill -STOP "$(pid_of 2)"
    victim=$(pid_of 1)
    kill -INT "$victim"
    poll handled "$victim" INT
    kill -INT "$victim"
    ends_with 130 twice
    start 2 twice "$LETTERS" "${all[@]}"
    ends_with 0 twice
    same_state twice.out calm.out
    same_history calm/metrics.h5 twice/metrics.h5
}

# --- through the launcher ---

# start_launcher RANKS RUN COMMAND...: scripts/launch.sh in the background, behind COMMAND.
# A shell has what it starts there ignore INT: that is put right.
start_launcher() {
    LINES_BEFORE=$(steps_logged "$2")
    env --default-signal=INT "${@:3}" "$ROOT/scripts/launch.sh" -n "$1" "$LOCKSTEP" train \
        "$LETTERS" --data letters.h5 --threads 1 --run "$2" "${OPTIONS[@]}" \
        --set "train.steps=${STEPS:-600}" >>"$2.out" 2>>"$2.err" </dev/null 3>&- &
    JOB=$! PIDS=()
}

# launch RANKS RUN COMMAND...: and it trains.
launch() {
    start_launcher "$@"
    until_lines "$2" 2
    mapfile -t PIDS < <(family $JOB)
}

@test "TERM, INT, HUP, USR1 and USR2 on the launcher: the same" {
    for signal in TERM INT HUP USR1 USR2; do
        launch 3 launched
        kill -$signal "$JOB"
        stops launched
    done
    launch 2 launched
    ends_with 0 launched
    as_calm launched
}

@test "on the supervisor of a launcher, too" {
    for signal in TERM INT HUP USR1 USR2; do
        launch 2 supervised "$ROOT/scripts/supervise.sh"
        kill -$signal "$JOB"
        stops supervised
    done
    launch 2 supervised "$ROOT/scripts/supervise.sh"
    ends_with 0 supervised
    as_calm supervised
}

@test "a second INT on the launcher ends the job at once, also behind a supervisor" {
    for supervisor in '' "$ROOT/scripts/supervise.sh"; do
        launch 2 ended $supervisor
        kill -STOP "${PIDS[-1]}"
        kill -INT "$JOB"
        poll handled "$JOB" INT
        kill -INT "$JOB"
        ends_with 130 ended
    done
    launch 2 ended
    ends_with 0 ended
    as_calm ended
}

# Also in the moment when mpirun listens and has no ranks that it could tell: a job without
# its launcher would go on and hold the run's lock.
@test "a launcher that is killed takes its job along" {
    for moment in mpirun ranks; do
        STEPS=100000 start_launcher 2 orphans
        poll has_child "$JOB" mpirun
        mpirun=$(pgrep -P "$JOB" -x mpirun)
        poll takes "$mpirun" USR1
        [[ $moment == mpirun ]] || until_lines orphans 2
        kill -KILL "$JOB"
        PIDS=("$mpirun")
        ends_with 137 orphans
        poll dead "$mpirun"
    done
    launch 2 orphans
    ends_with 0 orphans
    [ "$(grep -c '^finished' orphans/log.txt)" -eq 1 ]
}

has_child() { # PID NAME
    pgrep -P "$1" -x "$2" >/dev/null
}
