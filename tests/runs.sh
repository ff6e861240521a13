# shellcheck shell=bash
# Sourced by the bats files that train networks:
#   setup_file() { source "$BATS_TEST_DIRNAME/../runs.sh"; letters letters.h5 600 200; }
#   setup() { source "$BATS_TEST_DIRNAME/../runs.sh"; }
# Every test starts in a folder that the tests of its file share, so that one may look at
# what another trained; FRESH, a folder of its own, is below it.

bats_require_minimum_version 1.5.0
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
source "$ROOT/tests/h5.sh"
source "$ROOT/tests/processes.sh"
cd "$BATS_FILE_TMPDIR" || exit 1
TINY=$ROOT/configs/tiny.conf
LETTERS=$ROOT/configs/letters.conf

# letters FILE TRAIN TEST [OPTION...]: a small built-in data set.
letters() {
    "$LOCKSTEP" data synth --out "$1" --train "$2" --test "$3" "${@:4}"
}

# train RANKS CONFIG ...: on one thread a rank unless told otherwise.
train() {
    local start=(mpirun -n "$1")
    (($1 == 1)) && start=()
    "${start[@]}" "$LOCKSTEP" train "$2" --data letters.h5 --threads 1 "${@:3}" </dev/null
}

# state FILE: the last state= of a log.
state() {
    sed -n 's/.*state=//p' "$1" | tail -n 1 | grep -E '^[0-9a-f]{16}$'
}

# trace FILE: a log without what depends on the clock.
trace() {
    sed -nE -e '/^eval step/p' -e 's/^( +[0-9]+( +[0-9.]+){4})( +[0-9.-]+)+$/\1/p' "$1"
}

# fingerprint FOLDER: of every file's name, content and time of change.
fingerprint() {
    (cd "$1" && find . -printf '%p %y %T@\n' && find . -type f -exec sha256sum {} +) |
        sort | sha256sum
}

# refused STATUS TEXT COMMAND...: it ends with STATUS and says TEXT (a pattern) in one line.
refused() {
    run --separate-stderr "${@:3}"
    echo "status $status, wanted $1: $stderr"
    [ "$status" -eq "$1" ]
    local said
    said=$(grep -v '^note: ' <<<"$stderr")
    [[ $said != *$'\n'* ]]
    # shellcheck disable=SC2053
    [[ $said == "lockstep: "$2 ]]
}

# unread COMMAND...: whose reader is gone; it ends silently, as any filter does.
unread() {
    local status=0
    rm -f unread
    mkfifo unread
    (exec 4<>unread 5>unread 4<&- && exec "$@" >&5 2>unread.err) || status=$?
    echo "status $status: $(<unread.err)"
    [ "$status" -eq 141 ] && [ ! -s unread.err ]
}

# start RANKS RUN CONFIG ...: train in the background; JOB is its pid, PIDS the ranks'.
start() {
    local i
    LINES_BEFORE=$(lines_of "$2")
    mpirun -n "$1" "$LOCKSTEP" train "$3" --data letters.h5 --threads 1 --run "$2" \
        "${@:4}" >>"$2.out" 2>>"$2.err" </dev/null 3>&- &
    JOB=$!
    for ((i = 0; i < 600; i++)); do
        mapfile -t PIDS < <(pgrep -P $JOB)
        ((${#PIDS[@]} == $1)) && return
        sleep 0.05
    done
    echo "no ranks: $(<"$2.err")"
    return 1
}

# lines_of RUN: how many intervals its log has.
lines_of() {
    cat "$1/log.txt" 2>/dev/null | grep -cE '^ +[0-9]+ +[0-9]+\.[0-9]+ ' || :
}

# until_lines RUN N: the job of `start` has logged N intervals.
until_lines() {
    local i
    for ((i = 0; i < 1200; i++)); do
        (($(lines_of "$1") >= LINES_BEFORE + $2)) && return
        sleep 0.025
    done
    echo "no $2 lines come: $(<"$1.err")"
    return 1
}

# until_step RUN STEP: the log of RUN has the line of STEP.
until_step() {
    local i
    for ((i = 0; i < 1200; i++)); do
        grep -qsE "^ +$2 " "$1/log.txt" && return
        sleep 0.025
    done
    echo "step $2 is not reached: $(<"$1.err")"
    return 1
}

# ended: the job of `start` is over, and so are its ranks; the status is mpirun's.
ended() {
    local status=0 pid i
    wait "$JOB" || status=$?
    for pid in "${PIDS[@]}"; do
        for ((i = 0; i < 400; i++)); do
            grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$pid/status" || break
            sleep 0.025
        done
    done
    return "$status"
}

# pid_of RANK: of the job of `start`.
pid_of() {
    local pid
    for pid in "${PIDS[@]}"; do
        tr '\0' '\n' <"/proc/$pid/environ" | grep -qx "OMPI_COMM_WORLD_RANK=$1" &&
            echo "$pid" && return
    done
    echo "no rank $1 among ${PIDS[*]}" >&2
    return 1
}
