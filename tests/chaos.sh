#!/bin/bash
# Kill a training run N times, at random instants and during its writes, under
# scripts/supervise.sh, and check that no step is lost and none is done twice:
#   chaos.sh [N [SEED]]     N kills (10); SEED repeats the random choices, not the instants
# The run has no end of its own: after the last kill it is stopped and started once more, to
# end a little later (chaos_start.sh). So its length follows from the kills on any machine.
# Each start has other ranks, threads and launcher. strace makes the kills in a system call:
# the process is killed as it enters the call. Prints a line for each kill, a table in
# Markdown and the sum. A kill passes if the run resumes less than two checkpoint intervals
# before the kill (one, and the steps done while a checkpoint is written). The end must
# equal that of an undisturbed run of the same number of steps. KEEP=FOLDER keeps the files.
set -u
cd "$(dirname "$0")/.." || exit 1
source tests/env.sh
source tests/h5.sh
source tests/processes.sh

kills=${1:-10} seed=${2:-$((SRANDOM % 100000))}
interval=50 # steps between checkpoints
limit=300   # seconds until chaos.sh gives up waiting for something
kinds=(rank pwrite64 mpirun fsync all rename start unlink)
declare -A fault=(
    [rank]="a rank" [mpirun]="mpirun" [all]="all processes at once"
    [start]="any of these while the run starts"
    [pwrite64]="rank 0 in a write (pwrite64) of a checkpoint or metrics.h5"
    [fsync]="rank 0 in the fsync of one or of its folder" [rename]="rank 0 in its rename"
    [unlink]="rank 0 in the removal of an older checkpoint"
)
passed=0 failed=0 skipped=0 supervisor='' follower='' work=''

clean_up() {
    local left=()
    [[ $supervisor ]] && mapfile -t left < <(family "$supervisor")
    kill -KILL "${left[@]}" $follower 2>/dev/null
    if ((failed)) || [[ ${KEEP-} ]]; then
        echo "the files are in $work" >&2
    else
        rm -rf "$work"
    fi
}

die() {
    echo "chaos: $*" >&2
    tail -n 5 "$work/err" >&2
    ((failed++))
    finish
}

nap() { # MILLISECONDS, below 1000
    sleep "$(printf '0.%03d' "$1")"
}

# --- the log ---

# Reads the log up to the next line of a step or of the end: sets `event` to step or end,
# `step`, and `start`, the number of the start that wrote it. If that is a new start, also
# sets `from`, the step that it resumed from, and `reached`, the last step of the start
# before it.
next_event() {
    local line
    while read -r -t $limit -u "$log" line; do
        if [[ $line =~ ^command.*--max-time\ 1([0-9]{4})$ ]]; then
            start=$((10#${BASH_REMATCH[1]})) from=0 reached=$step
        elif [[ $line =~ ^'resumed from '.*': step '([0-9]+)' of ' ]]; then
            from=${BASH_REMATCH[1]}
        elif [[ $line == 'finished step '* ]]; then
            event=end && return
        elif [[ $line =~ ^\ *([0-9]+)(\ +[0-9]+\.[0-9]+){4} ]]; then
            event=step step=${BASH_REMATCH[1]} && return
        fi
    done
    die "nothing new in $work/chaos/log.txt for $limit s"
}

# --- kills ---

# Sets `number` of the newest start, and the pids `everybody`, `mpirun` and `ranks` of it.
look() {
    local files=("$work"/start.*) pid name
    number=${#files[@]} mpirun='' ranks=()
    read -r pid <"$work/start.$number"
    mapfile -t everybody < <(family "$pid")
    for pid in "${everybody[@]}"; do
        read -r name 2>/dev/null <"/proc/$pid/comm" || continue
        case $name in
        mpirun) mpirun=$pid ;;
        lockstep*) ranks+=("$pid") ;;
        esac
    done
}

# Kills a rank, mpirun or all processes; all if the other does not exist yet.
strike() { # rank, mpirun or all: sets `what` and `when`
    local victims
    look
    victims=("${everybody[@]}") what="all, ${#ranks[@]} ranks"
    if [[ $1 == rank ]] && ((${#ranks[@]})); then
        victims=("${ranks[RANDOM % ${#ranks[@]}]}") what="one of ${#ranks[@]} ranks"
    elif [[ $1 == mpirun && $mpirun ]]; then
        victims=("$mpirun") what="mpirun of ${#ranks[@]} ranks"
    fi
    when=$EPOCHREALTIME
    kill -KILL "${victims[@]}" 2>/dev/null
}

# Asks the run to stop, and waits until it is started again.
restart() {
    local next
    look
    next=$work/start.$((number + 1))
    ((${#ranks[@]})) || die "the run has no ranks"
    kill -USR1 "${ranks[RANDOM % ${#ranks[@]}]}"
    poll test -e "$next" || die "a stopped run is not started again"
}

# Restarts the run and kills it some time after.
strike_start() {
    local ways=(rank mpirun all)
    restart
    nap $((RANDOM % 900))
    strike "${ways[RANDOM % 3]}"
    what="$what, in the start"
}

# Kills rank 0, which writes the files, as it enters CALL for the COUNT-th time from now.
# Fails where processes may not be traced.
strike_in() { # CALL COUNT
    local calls=$1 rank0 file
    case $1 in # the calls have other names on other machines
    rename) calls='rename|renameat|renameat2' ;;
    unlink) calls='unlink|unlinkat' ;;
    esac
    command -v strace >/dev/null || return
    look
    rank0=$(sed -n 's/^pid //p' "$work/chaos/lock")
    timeout $limit strace -f -y -s 4096 -qq -o "$work/strace" -e "trace=/^($calls)\$" \
        -e "inject=/^($calls)\$:signal=KILL:when=$2" -p "$rank0" 2>"$work/strace.err"
    when=$EPOCHREALTIME
    grep -q 'not permitted' "$work/strace.err" && return 1
    poll dead "$rank0" || die "rank 0 never calls $1"
    file=$(grep -E "($calls)\(" "$work/strace" | tail -n 1)
    file=$(sed -E 's/^[^"<]*["<]([^">]*).*/\1/' <<<"$file")
    file=${file##*/}
    what="rank 0 in $1 $2, ${file%.tmp.*}"
}

attack() { # KIND
    case $1 in
    rank | mpirun | all) strike "$1" ;;
    start) strike_start ;;
    pwrite64) strike_in "$1" $((1 + RANDOM % 80)) ;;
    fsync) strike_in "$1" $((1 + RANDOM % 4)) ;;
    *) strike_in "$1" $((1 + RANDOM % 2)) ;;
    esac
}

# Lets the run do some steps, kills it and waits until it goes on. Prints one line and adds
# one to $work/kills.
disturb() { # KIND
    local goal=$((step + RANDOM % (2 * interval))) seconds lost
    while ((step < goal)); do
        next_event
        [[ $event == step ]] || die "the run ended by itself"
    done
    nap $((RANDOM % 30))
    attack "$1" || { ((skipped++)) && return; }
    while ((start <= number)); do next_event; done
    seconds=$(awk -v a="$when" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
    lost=$((reached - from))
    printf '%s\t%d\t%s\n' "$1" $lost "$seconds" >>"$work/kills"
    printf '  %3d  %-43s step %5d  lost %2d steps  went on after %5.2f s\n' $((++done)) \
        "$what" "$reached" $lost "$seconds"
    check "lost $lost steps" test $lost -ge 0 -a $lost -lt $((2 * interval))
}

check() { # WHAT COMMAND...: a test
    if "${@:2}" >"$work/check" 2>&1; then
        ((passed++))
    else
        ((failed++))
        echo "FAILED: $1"
        head -n 20 "$work/check"
    fi
}

# --- runs ---

# Sets `command` to the command line of RUN, without its number of steps. Only one checkpoint
# is kept, so that a damaged one would show. The rate must not depend on that number.
set_command() { # RUN
    command=("$LOCKSTEP" train configs/letters.conf --data "$work/letters.h5"
        --run "$work/$1" --set schedule.kind=constant --set optim.lr=0.01
        --set train.grain=16 --set train.eval_every=4 --set log.every=1 --set checkpoint.keep=1
        --set "checkpoint.every_steps=$interval" --set checkpoint.every_epochs=0
        --set checkpoint.every_minutes=0.01)
}

undisturbed() { # RUN STEPS
    set_command "$1"
    mpirun -n 2 "${command[@]}" --threads 1 --set "train.steps=$2" >"$work/$1.out" 2>&1 \
        </dev/null || die "an undisturbed run fails: $(tail -n 1 "$work/$1.out")"
}

draw_kinds() {
    local i j
    drawn=()
    for ((i = 0; i < kills; i++)); do
        j=$((RANDOM % (i + 1)))
        drawn[i]=${drawn[j]-}
        drawn[j]=${kinds[i % ${#kinds[@]}]}
    done
}

start_run() {
    set_command chaos
    mkdir "$work/chaos"
    touch "$work/chaos/log.txt"
    CHAOS=$work CHAOS_SEED=$seed scripts/supervise.sh --delay 0 --max-failures 20 \
        tests/chaos_start.sh "${command[@]}" >"$work/out" 2>"$work/err" </dev/null &
    supervisor=$!
    exec {log}< <(exec tail -n +1 -F "$work/chaos/log.txt" 2>/dev/null)
    follower=$!
    start=0 step=0 from=0 reached=0 done=0
    next_event
}

# Stops the run; chaos_start.sh gives its next start an end, and leaves `steps`. Sets
# `status` to the supervisor's.
end_run() {
    touch "$work/last"
    restart
    wait "$supervisor"
    status=$?
    supervisor=''
    steps=$(<"$work/steps")
}

# --- the end ---

last_state() { # RUN
    sed -n 's/^finished step .*state=//p' "$work/$1/log.txt" | tail -n 1
}

every_step_once() {
    /usr/bin/python3 - "$work/chaos/metrics.h5" "$steps" <<'END'
import sys, h5py
steps = h5py.File(sys.argv[1])["metrics/train/step"][:].tolist()
assert steps == list(range(1, int(sys.argv[2]) + 1)), len(steps)
END
}

same_files() {
    diff <(cd "$work/calm" && find . | sort) <(cd "$work/chaos" && find . | sort)
}

compare() {
    local state
    state=$(last_state chaos)
    check "exit status $status" test "$status" -eq 0
    check "no state at the end" test -n "$state"
    check "state $state, not $(last_state calm)" test "$state" = "$(last_state calm)"
    check "the metrics differ" same_history "$work"/{calm,chaos}/metrics.h5
    check "a step in metrics.h5 is missing or doubled" every_step_once
    check "the files differ" same_files
}

table() {
    local kind
    echo "| killed | times | steps lost: median | most | seconds lost: median | most |"
    echo "|---|---:|---:|---:|---:|---:|"
    for kind in "${kinds[@]}"; do
        grep -P "^$kind\t" "$work/kills" >"$work/kind" || continue
        paste <(sort -n -k2,2 "$work/kind") <(sort -n -k3,3 "$work/kind") |
            awk -v name="${fault[$kind]}" '
                { lost[NR] = $2; seconds[NR] = $6 }
                function middle(a) {
                    return (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2
                }
                END {
                    printf "| %s | %d | %g | %d | %.1f | %.1f |\n", name, NR,
                        middle(lost), lost[NR], middle(seconds), seconds[NR]
                }'
    done
}

finish() {
    [[ -s $work/kills ]] && echo && table && echo
    echo "$passed passed, $failed failed, $skipped skipped"
    exit $((failed > 0 || passed == 0))
}

if [[ ! $kills =~ ^[1-9][0-9]*$ || ! $seed =~ ^[0-9]+$ ]]; then
    echo "usage: chaos.sh [N [SEED]]" >&2
    exit 2
fi
mkdir -p "${KEEP:-${TMPDIR:-/tmp}}"
work=$(mktemp -d "${KEEP:-${TMPDIR:-/tmp}}/lockstep-chaos.XXXXXX") || exit 1
work=$(realpath "$work")
trap clean_up EXIT
trap 'exit 130' INT TERM
"$LOCKSTEP" data synth --out "$work/letters.h5" --train 3000 --test 400 >/dev/null ||
    exit 1
RANDOM=$seed
draw_kinds
echo "$kills kills, a checkpoint every $interval steps; seed $seed"
start_run
for kind in "${drawn[@]}"; do disturb "$kind"; done
end_run
echo "the run ended at step $steps"
undisturbed calm "$steps"
compare
finish
