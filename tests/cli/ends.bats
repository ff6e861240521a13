#!/usr/bin/env bats
# Output that cannot be written: a reader that closed the pipe, a full device, no standard
# output at all, a limit of file sizes. A run goes on into its log; other commands fail with
# the reason, or end quietly when their reader has gone.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
    train 1 "$TINY" --run whole >whole.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# told RUN FILE REASON: FILE says once, in a line of its own, that stdout was lost.
told() {
    [ "$(grep -c "^note: cannot write to the standard output: $3; the run goes on, and \
everything is in '$1/log.txt'\$" "$2")" -eq 1 ]
    [ "$(grep -c 'cannot write' "$2")" -eq 1 ]
}

# Nothing in the log is missing: it has the lines of a run that could print.
complete() { # RUN
    same_run "$1/log.txt" whole.out
    same_text "$(grep -cv '^note: ' "$1/log.txt")" "$(grep -cv '^note: ' whole/log.txt)"
}

@test "a run goes on in its log when stdout is full, closed by its reader, or missing" {
    train 1 "$TINY" --run full >/dev/full 2>full.err
    told full full.err "No space left on device"
    told full full/log.txt "No space left on device"
    complete full
    rm -f pipe && mkfifo pipe
    (exec 4<>pipe 5>pipe 4<&- && train 1 "$TINY" --run pipe-run >&5 2>pipe.err)
    told pipe-run pipe.err "Broken pipe"
    told pipe-run pipe-run/log.txt "Broken pipe"
    complete pipe-run
    (train 1 "$TINY" --run none >&- 2>none.err)
    told none none.err "Bad file descriptor"
    complete none
}

@test "a run goes on in its log when stderr is lost, and says so there" {
    train 1 "$TINY" --run mute >mute.out 2>/dev/full
    [ "$(grep -c "^note: cannot write to the standard error: No space left on device; the \
run goes on, and everything is in 'mute/log.txt'\$" mute/log.txt)" -eq 1 ]
    same_run mute/log.txt mute.out whole.out
    (train 1 "$TINY" --run deaf >&- 2>&-)
    [ "$(grep -c '^note: cannot write to .*: Bad file descriptor; ' deaf/log.txt)" -eq 2 ]
    same_run deaf/log.txt whole.out
}

# What a command opens without a stdout must not become its stdout.
@test "results that cannot be printed are a failure with the right reason" {
    commands=("show whole" "eval whole --data letters.h5" "data info letters.h5" --version
        "--help" "train --help" "train $TINY --data letters.h5 --run never --check"
        "data synth --train 26 --test 0 --out s.h5 --force")
    for command in "${commands[@]}"; do
        echo "$command"
        status=0
        # shellcheck disable=SC2086
        "$LOCKSTEP" $command >/dev/full 2>err </dev/null || status=$?
        [ "$status" -eq 1 ]
        [ "$(grep -v '^note: ' err)" = \
            "lockstep: cannot write to the standard output: No space left on device" ]
        status=0
        # shellcheck disable=SC2086
        "$LOCKSTEP" $command >&- 2>err </dev/null || status=$?
        [ "$status" -eq 1 ]
        [ "$(grep -v '^note: ' err)" = \
            "lockstep: cannot write to the standard output: Bad file descriptor" ]
    done
    "$LOCKSTEP" data info s.h5 --verify >/dev/null
}

@test "a command whose reader has gone ends quietly, and its file is whole" {
    for command in "show whole" "data info letters.h5" --help; do
        # shellcheck disable=SC2086
        unread "$LOCKSTEP" $command
    done
    unread "$LOCKSTEP" data synth --train 26 --test 0 --out s.h5
    "$LOCKSTEP" data info s.h5 --verify >/dev/null
}

# --- limits of file sizes ---

# limited KILOBYTES COMMAND...: stdout is a pipe, which has no limit.
limited() {
    (set -o pipefail && (ulimit -f "$1" && "${@:2}" 2>&1) | cat)
}

@test "a limit of file sizes is a full disk: one line, exit code 1, nothing left behind" {
    mkdir out
    for command in "data synth --train 300 --test 26 --out out/x.h5" \
        "data sheet letters.h5 --out out/x.png" "eval whole --data letters.h5 --out out/x.h5"; do
        run limited 3 "$LOCKSTEP" $command
        echo "$command: $status: $output"
        [ "$status" -eq 1 ]
        [[ ${lines[-1]} == "lockstep: cannot write 'out/x."*"': File too large" ]]
        [ -z "$(ls out)" ]
    done
    cp letters.h5 precious.h5
    run limited 3 "$LOCKSTEP" data split precious.h5 --val 10%
    [ "$status" -eq 1 ]
    [ "$output" = "lockstep: cannot write 'precious.h5': File too large" ]
    cmp letters.h5 precious.h5
    [ -z "$(compgen -G '*.tmp.*')" ]
}

@test "a run whose files reach the limit trains to its end, and says what is missing" {
    run limited 40 train 1 "$TINY" --run small
    echo "$output"
    [ "$status" -eq 1 ]
    [ "$(grep -cE "^note: step [0-9]+: cannot write 'small/.*: File too large; training goes \
on, the next checkpoint is tried when it is due$" <<<"$output")" -eq 1 ]
    grep -q "^lockstep: the last state is not saved (cannot write 'small/" <<<"$output"
    same_state small/log.txt whole.out
    [ -z "$(ls small/checkpoints)" ]
    run limited 1 train 1 "$TINY" --run tiny
    [ "$status" -eq 1 ]
    [ "$(grep -c "^note: cannot write to 'tiny/log.txt': File too large; the run goes \
on\$" <<<"$output")" -eq 1 ]
    same_state whole.out - <<<"$output"
}

@test "ranks that may write only small files are refused before Open MPI starts" {
    run limited 2000 ranks 2 "$LOCKSTEP" train "$TINY" --data letters.h5 --run never
    echo "$output"
    [ "$status" -eq 2 ]
    [ "$(grep -cxF 'lockstep: files may have 2.05 MB only, too little for what 2 ranks share; '\
'raise the limit (ulimit -f)' <<<"$output")" -eq 1 ]
    [ ! -e never ]
}
