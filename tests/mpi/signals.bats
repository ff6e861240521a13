#!/usr/bin/env bats
# A signal that asks any process of a run to end, at any time: all ranks stop after the same
# step, its checkpoint is written, the exit code is 75, and the same command goes on.

OPTIONS=(--set train.batch=60 --set train.grain=12 --set log.every=1
    --set checkpoint.every_epochs=0)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
    all=("${OPTIONS[@]}" "${ENDLESS[@]}" --resume)
}

teardown() {
    end_job
}

# stops RUN: the job ends with 75, names the step once and leaves a checkpoint of it, as
# every start of RUN before did.
stops() {
    local step starts
    ends_with 75 "$1"
    starts=$(grep -c '^lockstep [0-9]' "$1/log.txt")
    [ "$(grep -c '^stopped step' "$1/log.txt")" -eq "$starts" ]
    step=$(sed -nE 's/^stopped step ([0-9]+) of .*/\1/p' "$1/log.txt" | tail -n 1)
    [ -f "$(printf '%s/checkpoints/step-%012d.h5' "$1" "$step")" ]
    [ "$(grep -c '^stopped on request; the same' "$1/log.txt")" -eq "$starts" ]
    [ ! -e "$1/lock" ]
}

# goes_on RANKS RUN [OPTION...]: the run resumes and ends as an undisturbed run.
goes_on() {
    ends_as_undisturbed "$1" "$2" "$LETTERS" "${OPTIONS[@]}" "${@:3}"
    same_trace "$2/log.txt" calm/log.txt
}

@test "each signal on any rank, and USR1 and USR2 on mpirun, stop the run in order" {
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
    goes_on 2 ranks
}

# alone RUN COMMAND...: COMMAND and one rank without mpirun, in the background. `env` undoes
# that a shell's background jobs ignore QUIT.
alone() {
    LINES_BEFORE=$(steps_logged "$1")
    env --default-signal=QUIT "${@:2}" "$LOCKSTEP" train "$LETTERS" --data letters.h5 \
        --threads 1 --run "$1" "${all[@]}" >>"$1.out" 2>>"$1.err" </dev/null 3>&- &
    JOB=$! PIDS=()
}

@test "every other signal that can be caught and ends a process stops a run in order, too" {
    for signal in HUP QUIT XCPU ALRM VTALRM PWR PROF IO STKFLT RTMIN RTMAX-3; do
        echo "$signal"
        alone single
        until_lines single 1
        kill -$signal "$JOB"
        stops single
    done
    start 3 single "$LETTERS" "${all[@]}"
    until_lines single 1
    kill -HUP "${PIDS[@]}" # as the end of a terminal does
    stops single
    goes_on 2 single
}

@test "the limit of CPU time stops a run in order" {
    (ulimit -St 3 && exec "$LOCKSTEP" train "$LETTERS" --data letters.h5 --threads 1 \
        --run limited "${all[@]}" >limited.out 2>limited.err </dev/null 3>&-) &
    JOB=$!
    stops limited
    goes_on 1 limited
    # At a hard limit that equals the soft one the system would kill without XCPU.
    (ulimit -t 5 && exec "$LOCKSTEP" train "$LETTERS" --data letters.h5 --threads 1 \
        --run hard "${all[@]}" >hard.out 2>hard.err </dev/null 3>&-) &
    JOB=$!
    stops hard
}

@test "under nohup a run survives the end of its terminal" {
    alone kept nohup
    until_lines kept 1
    kill -HUP "$JOB"
    LINES_BEFORE=$(steps_logged kept)
    until_lines kept 3
    kill -TERM "$JOB"
    stops kept
}

# The process leads a session whose terminal is gone when its other side is closed.
@test "the end of a terminal stops a run in order" {
    cat >terminal.py <<'END'
import os, pty, sys, time
child, side = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
os.set_blocking(side, False)
lines = 0
while lines < 2:
    try:
        os.read(side, 65536)
    except BlockingIOError:
        pass
    if os.path.exists(sys.argv[1] + "/metrics.h5"):
        lines += 1
    time.sleep(0.02)
os.close(side)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
END
    /usr/bin/python3 terminal.py hung "$LOCKSTEP" train "$LETTERS" --data letters.h5 \
        --threads 1 --run hung "${all[@]}" --set checkpoint.every_steps=2 \
        >hung.out 2>hung.err </dev/null 3>&- &
    JOB=$!
    stops hung
    [ "$(grep -c '^note: cannot write to the standard output: Input/output error; ' \
        hung/log.txt)" -eq 1 ]
}

@test "many signals at once stop the run once" {
    start 4 many "$LETTERS" "${all[@]}"
    until_lines many 2
    kill -USR2 "$JOB"
    kill -TERM "${PIDS[@]}"
    kill -USR1 "${PIDS[@]}"
    kill -INT "${PIDS[@]}"
    stops many
    goes_on 1 many
}

@test "a signal during the start is not lost" {
    for ((i = 0; i < 5; i++)); do
        start 2 young "$LETTERS" "${all[@]}"
        poll takes "${PIDS[i % 2]}" USR1
        sleep "0.$((i * 7))"
        kill -USR1 "${PIDS[i % 2]}"
        stops young
    done
    goes_on 2 young
}

# Each epoch has one step and a long evaluation.
@test "a signal during an evaluation stops the run in order" {
    letters exam.h5 60 6000
    for ranks in 2 3; do
        start $ranks exam "$LETTERS" "${all[@]}" --data exam.h5
        until_lines exam 2
        kill -TERM "$(pid_of $((ranks - 1)))"
        stops exam
        step=$(sed -nE 's/^stopped step ([0-9]+) of .*/\1/p' exam/log.txt | tail -n 1)
        echo "stopped at step $step: $(grep -c "^eval step $step " exam/log.txt)"
    done
    goes_on 2 exam --data exam.h5
}

@test "a signal on a rank without a grain stops the run in order" {
    start 4 idle "$LETTERS" "${all[@]}" --set train.grain=30
    until_lines idle 2
    grep -q '4 ranks but only 2 grains in a batch' idle.err
    kill -USR1 "$(pid_of 3)"
    stops idle
    goes_on 4 idle --set train.grain=30
}

# A stopped rank keeps the others from stopping in order.
@test "a second INT on a rank ends the job at once, and it can be resumed" {
    start 3 twice "$LETTERS" "${all[@]}" --set checkpoint.every_steps=1
    until_lines twice 3
    kill -STOP "$(pid_of 2)"
    victim=$(pid_of 1)
    kill -INT "$victim"
    poll handled "$victim" INT
    kill -INT "$victim"
    ends_with 130 twice
    ends_as_undisturbed 2 twice "$LETTERS" "${OPTIONS[@]}"
}

# --- through the launcher ---

# start_launcher RANKS RUN COMMAND...: COMMAND scripts/launch.sh ... in the background. `env`
# undoes that a shell's background jobs ignore INT.
start_launcher() {
    LINES_BEFORE=$(steps_logged "$2")
    env --default-signal=INT "${@:3}" "$ROOT/scripts/launch.sh" -n "$1" "$LOCKSTEP" train \
        "$LETTERS" --data letters.h5 --threads 1 --run "$2" "${all[@]}" >>"$2.out" 2>>"$2.err" </dev/null 3>&- &
    JOB=$! PIDS=()
}

# launch RANKS RUN COMMAND...: start_launcher, and waits until the job trains.
launch() {
    start_launcher "$@"
    until_lines "$2" 2
    mapfile -t PIDS < <(family $JOB)
}

@test "TERM, INT, HUP, USR1 and USR2 on the launcher stop the run in order" {
    for signal in TERM INT HUP USR1 USR2; do
        launch 3 launched
        kill -$signal "$JOB"
        stops launched
    done
    goes_on 2 launched
}

@test "TERM, INT, HUP, USR1 and USR2 on the supervisor of a launcher stop the run in order" {
    for signal in TERM INT HUP USR1 USR2; do
        launch 2 supervised "$ROOT/scripts/supervise.sh"
        kill -$signal "$JOB"
        stops supervised
    done
    goes_on 2 supervised
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
    ends_as_undisturbed 2 ended "$LETTERS" "${OPTIONS[@]}"
}

# Also while mpirun already listens but has no ranks to pass a signal to: a job without its
# launcher would go on and hold the run's lock.
@test "when the launcher is killed its job ends" {
    for moment in mpirun ranks; do
        start_launcher 2 orphans
        poll has_child "$JOB" mpirun
        mpirun=$(pgrep -P "$JOB" -x mpirun)
        poll takes "$mpirun" USR1
        [[ $moment == mpirun ]] || until_lines orphans 2
        kill -KILL "$JOB"
        PIDS=("$mpirun")
        ends_with 137 orphans
        poll dead "$mpirun"
    done
    ends_as_undisturbed 2 orphans "$LETTERS" "${OPTIONS[@]}"
}

has_child() { # PID NAME
    pgrep -P "$1" -x "$2" >/dev/null
}
