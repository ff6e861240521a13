# shellcheck shell=bash
# Sourced by the bats files that train networks:
#   setup_file() { source "$BATS_TEST_DIRNAME/../runs.sh"; letters letters.h5 600 200; }
#   setup() { source "$BATS_TEST_DIRNAME/../runs.sh"; }
# setup_file works in a folder of the file's own. Every test works in a new folder that holds
# a copy of what setup_file made there: no test sees what another one did.

bats_require_minimum_version 1.5.0
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
source "$ROOT/tests/h5.sh"
source "$ROOT/tests/processes.sh"
TINY=$ROOT/configs/tiny.conf
LETTERS=$ROOT/configs/letters.conf

FILES=$BATS_FILE_TMPDIR/files
mkdir -p "$FILES"
if [[ ${BATS_TEST_TMPDIR-} ]]; then
    cp -a "$FILES" "$BATS_TEST_TMPDIR/work"
    cd "$BATS_TEST_TMPDIR/work" || exit 1
else
    cd "$FILES" || exit 1
fi

# letters FILE TRAIN TEST [OPTION...]: a small built-in data set.
letters() {
    "$LOCKSTEP" data synth --out "$1" --train "$2" --test "$3" "${@:4}"
}

# train RANKS CONFIG ...: on $DATA or letters.h5, with one thread per rank unless an option says
# otherwise.
train() {
    local start=(mpirun -n "$1")
    (($1 == 1)) && start=()
    "${start[@]}" "$LOCKSTEP" train "$2" --data "${DATA:-letters.h5}" --threads 1 "${@:3}" </dev/null
}

# --- what a run left ---

# state LOG: the last state= of a log.
state() {
    sed -n 's/.*state=//p' "$1" | tail -n 1 | grep -E '^[0-9a-f]{16}$'
}

# trace LOG: the log's lines without the columns that depend on time.
trace() {
    sed -nE -e '/^eval step/p' \
        -e 's/^( +[0-9]+( +[0-9.]+){3}( +([0-9.]+|-|nan|inf)){2} +[0-9.]+) +[0-9]+ .*$/\1/p' "$1"
}

# fingerprint FOLDER: a hash of the name, content and modification time of every file.
fingerprint() {
    [[ -n $(find "$1" -type f -print -quit) ]] || return
    (cd "$1" && find . -printf '%p %y %T@\n' && find . -type f -exec sha256sum {} +) |
        sort | sha256sum
}

# steps_logged RUN: how many lines of training steps its log has.
steps_logged() {
    cat "$1/log.txt" 2>/dev/null | grep -cE '^ +[0-9]+ +[0-9]+\.[0-9]+ ' || :
}

# --- comparisons: nothing equals an empty text, and nothing differs from one ---

# same_text TEXT TEXT...: all are equal and not empty.
same_text() {
    local text
    for text; do
        [[ $text && $text == "$1" ]] && continue
        printf 'not equal, or empty: <%s>\n' "$@"
        return 1
    done
}

# other_text TEXT TEXT: they differ and neither is empty.
other_text() {
    [[ $1 && $2 && $1 != "$2" ]] && return
    printf 'equal, or empty: <%s>\n' "$@"
    return 1
}

# same_state LOG...: all runs ended with the same state.
same_state() {
    local log found=()
    for log; do
        found+=("$(state "$log")") || :
        echo "$log: state ${found[-1]:-missing}"
    done
    same_text "${found[@]}"
}

# other_state LOG LOG: the two runs ended with different states.
other_state() {
    other_text "$(state "$1")" "$(state "$2")"
}

# same_trace LOG...: all runs logged the same losses and evaluations.
same_trace() {
    local log found=()
    for log; do found+=("$(trace "$log")"); done
    same_text "${found[@]}"
}

# same_run LOG...: same state and same trace.
same_run() {
    same_state "$@" && same_trace "$@"
}

# --- refusals ---

# refused STATUS TEXT COMMAND...: it ends with STATUS and prints TEXT (a pattern) in one line.
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

# unread COMMAND...: its reader has closed the pipe; it ends silently, as a filter does.
unread() {
    local status=0
    rm -f unread
    mkfifo unread
    (exec 4<>unread 5>unread 4<&- && exec "$@" >&5 2>unread.err) || status=$?
    echo "status $status: $(<unread.err)"
    [ "$status" -eq 141 ] && [ ! -s unread.err ]
}

# --- runs in the background ---

# With these options a run goes on until a test ends it: tests do not depend on speed.
ENDLESS=(--set train.steps=1000000000 --set schedule.kind=constant --set optim.lr=0.01)

# last_step RUN: the step of its newest checkpoint or of its last line, whichever is later.
last_step() {
    {
        find "$1/checkpoints" -name 'step-*.h5' | sed 's/.*step-0*//; s/\.h5$//'
        sed -nE 's/^ +([0-9]+) +[0-9]+\.[0-9]+ .*/\1/p' "$1/log.txt"
    } | sort -n | tail -n 1 | grep .
}

# ends_as_undisturbed RANKS RUN CONFIG OPTION...: the ENDLESS run RUN, which was stopped or
# killed, is resumed on RANKS ranks for some more steps, and ends as an undisturbed run.
ends_as_undisturbed() {
    local all=("${@:4}" "${ENDLESS[@]}") step
    step=$(last_step "$2")
    all+=(--set "train.steps=$((step + 10))")
    train "$1" "$3" --run "$2" "${all[@]}" --resume >"$2.end"
    grep -q "^finished step $((step + 10)) of $((step + 10)) " "$2.end"
    is_as_undisturbed "$2" "$3" "${all[@]}"
}

# is_as_undisturbed RUN CONFIG OPTION...: RUN ended with the state and the metrics of the run
# `calm`, which is trained with the same options on one rank in one go.
is_as_undisturbed() {
    rm -rf calm
    train 1 "$2" --run calm "${@:3}" --set parallel.pipeline=1 >calm.out
    same_state "$1/log.txt" calm.out
    same_history calm/metrics.h5 "$1/metrics.h5"
}

# start RANKS RUN CONFIG ...: train in the background; JOB is mpirun's pid, PIDS the ranks'.
start() {
    LINES_BEFORE=$(steps_logged "$2")
    mpirun -n "$1" "$LOCKSTEP" train "$3" --data "${DATA:-letters.h5}" --threads 1 --run "$2" \
        "${@:4}" >>"$2.out" 2>>"$2.err" </dev/null 3>&- &
    JOB=$!
    poll has_ranks "$1" || { cat "$2.err" && return 1; }
}

# has_ranks N: mpirun JOB has N children; sets PIDS.
has_ranks() {
    mapfile -t PIDS < <(pgrep -P "$JOB")
    ((${#PIDS[@]} == $1))
}

# until_lines RUN N: waits until the job of `start` has logged N more lines.
until_lines() {
    poll has_lines "$1" "$2" || { cat "$1.err" && return 1; }
}

has_lines() {
    (($(steps_logged "$1") >= LINES_BEFORE + $2))
}

# until_step RUN STEP: waits until the log of RUN has the line of STEP.
until_step() {
    poll has_step "$1" "$2" || { cat "$1.err" && return 1; }
}

has_step() {
    grep -qsE "^ +$2 " "$1/log.txt"
}

# until_said RUN PATTERN: waits for PATTERN in what RUN printed as chatter.
until_said() {
    poll grep -Eqs "$2" "$1.err" || { cat "$1.err" && return 1; }
}

# ended: waits until the job of `start` and its ranks are gone; returns mpirun's status.
ended() {
    local status=0 pid
    wait "$JOB" || status=$?
    for pid in "${PIDS[@]}"; do poll dead "$pid" || return; done
    return "$status"
}

# ends_with STATUS RUN: the job of `start` ended with STATUS (a pattern).
ends_with() {
    local status=0
    ended || status=$?
    JOB='' PIDS=()
    echo "status $status, wanted $1: $(tail -n 3 "$2.err")"
    # shellcheck disable=SC2053
    [[ $status == $1 ]]
}

# end_job: kills by pid what a failed test left running; for teardown.
end_job() {
    local pid
    for pid in ${JOB-} "${PIDS[@]}"; do kill -KILL "$pid" 2>/dev/null || :; done
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
