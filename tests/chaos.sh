#!/bin/bash
# Kill a training run N times, at random instants and in the middle of its writing, under
# scripts/supervise.sh, and see that nothing is lost and nothing done twice:
#   chaos.sh [N [SEED]]     N kills (10); SEED repeats what was drawn (not the instants)
# Each start has other ranks and threads. Kills in a system call are strace's: the process
# is killed as it enters it. Prints one line a kill, then a table in Markdown, then the sum:
# a kill passes if the run goes on from less than two checkpoint intervals before it (one,
# and what is done while a checkpoint is written), and the end is that of an undisturbed
# run. T=FOLDER keeps the files there.
set -u
cd "$(dirname "$0")/.." || exit 1
[[ ${T-} ]] && mkdir -p "$T"
source tests/env.sh
source tests/h5.sh

kills=${1:-10} seed=${2:-$((SRANDOM % 100000))}
interval=50 # steps between checkpoints
limit=120   # seconds for anything that is waited for
declare -A fault=(
    [rank]="one rank" [mpirun]="mpirun" [all]="all processes at once"
    [start]="any of them, while the run starts"
    [pwrite64]="rank 0, writing a checkpoint or metrics.h5 (pwrite64)"
    [fsync]="rank 0, in fsync of one or its folder" [rename]="rank 0, in rename"
    [unlink]="rank 0, removing an older checkpoint"
)
kinds=(rank pwrite64 mpirun fsync all rename start unlink)

work=$(mktemp -d "${T:-${TMPDIR:-/tmp}}/lockstep-chaos.XXXXXX") || exit 1
work=$(realpath "$work")
passed=0 failed=0 skipped=0
supervisor='' follower=''

# --- processes ---

# family PID: it and all its descendants.
family() {
    local child
    echo "$1"
    for child in $(pgrep -P "$1"); do family "$child"; done
}

clean_up() {
    local left=()
    [[ $supervisor ]] && mapfile -t left < <(family "$supervisor")
    kill -KILL "${left[@]}" $follower 2>/dev/null
    if ((failed)) || [[ ${T-} ]]; then
        echo "the files are in $work"
    else
        rm -rf "$work"
    fi
}

# alive PID: and no zombie.
alive() {
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

# last_start: sets `number` of the newest start and `mpirun`, its pid.
last_start() {
    local files=("$work"/start.*)
    number=${#files[@]}
    read -r mpirun _ <"$work/start.$number"
}

# --- the log ---

# Reads on to the next line of the log that says something: sets `event` to step or end,
# `step`, and `start`, the number of the start that says it; at a new start `from`, the step
# from which it goes on, and `reached`, where the one before had come.
next_event() {
    local line
    while read -r -t $limit -u "$log" line; do
        case $line in
        command*) start=$((${line##*--max-time } - 10000)) from=0 reached=$step ;;
        'resumed from '*) [[ $line =~ ': step '([0-9]+)' of ' ]] && from=${BASH_REMATCH[1]} ;;
        'finished step '*) event=end && return ;;
        *)
            [[ $line =~ ^\ *([0-9]+)\ +[0-9]+\.[0-9]{2}\ +[0-9.]+\ +[0-9.]+\ +[0-9] ]] || continue
            event=step step=${BASH_REMATCH[1]}
            return
            ;;
        esac
    done
    die "nothing new in $work/chaos/log.txt for $limit s"
}

die() {
    echo "chaos: $*" >&2
    tail -n 5 "$work/err" >&2
    ((failed++))
    finish
}

# --- kills ---

nap() { # MILLISECONDS
    sleep "$(printf '0.%03d' "$1")"
}

# Kills by one of three ways; sets `what` and `when`.
strike() { # KIND
    local ranks victim
    last_start
    mapfile -t ranks < <(pgrep -P "$mpirun")
    ((${#ranks[@]})) || set -- mpirun
    when=$EPOCHREALTIME
    case $1 in
    rank)
        victim=$((RANDOM % ${#ranks[@]}))
        kill -KILL "${ranks[victim]}" 2>/dev/null
        what="rank of ${#ranks[@]}"
        ;;
    mpirun) kill -KILL "$mpirun" 2>/dev/null && what="mpirun of ${#ranks[@]} ranks" ;;
    all) kill -KILL "$mpirun" "${ranks[@]}" 2>/dev/null && what="mpirun and ${#ranks[@]} ranks" ;;
    esac
}

# Kills rank 0, which writes, as it enters a system call for the COUNT-th time from now.
# Fails where processes may not be traced.
strike_in_call() { # CALL COUNT
    local calls=$1 rank0 file
    case $1 in # their other names on other machines
    rename) calls='rename|renameat|renameat2' ;;
    unlink) calls='unlink|unlinkat' ;;
    esac
    last_start
    rank0=$(sed -n 's/^pid //p' "$work/chaos/lock")
    timeout $limit strace -f -y -s 4096 -qq -o "$work/strace" -e "trace=/^($calls)\$" \
        -e "inject=/^($calls)\$:signal=KILL:when=$2" -p "$rank0" 2>"$work/strace.err"
    when=$EPOCHREALTIME
    grep -q 'not permitted' "$work/strace.err" && return 1
    alive "$rank0" && die "rank 0 makes no $1"
    file=$(grep -E "$calls" "$work/strace" | tail -n 1 | sed -E 's/^[^"<]*["<]([^">]*).*/\1/')
    file=${file##*/}
    what="rank 0 in $1 $2, ${file%.tmp.*}"
}

# A start of its own, and a kill somewhere in it.
strike_start() {
    local ways=(rank mpirun all) ranks before
    last_start
    before=$number
    mapfile -t ranks < <(pgrep -P "$mpirun")
    ((${#ranks[@]})) || die "the run has ended"
    kill -USR1 "${ranks[RANDOM % ${#ranks[@]}]}"
    until [[ -e $work/start.$((before + 1)) ]]; do nap 5; done
    nap $((RANDOM % 900))
    strike "${ways[RANDOM % 3]}"
    what="$what while it starts"
}

# One round: the run goes on for a while, is killed, and goes on.
disturb() { # KIND
    local goal=$((step + RANDOM % (2 * interval))) seconds lost
    while ((step < goal)); do
        next_event
        [[ $event == step ]] || die "the run ended before it was killed $kills times"
    done
    nap $((RANDOM % 30))
    case $1 in
    start) strike_start ;;
    pwrite64) strike_in_call "$1" $((1 + RANDOM % 80)) ;;
    fsync) strike_in_call "$1" $((1 + RANDOM % 4)) ;;
    rename | unlink) strike_in_call "$1" $((1 + RANDOM % 2)) ;;
    *) strike "$1" ;;
    esac || {
        ((skipped++))
        return
    }
    while ((start <= number)); do next_event; done
    seconds=$(awk -v a="$when" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }')
    lost=$((reached - from))
    printf '%s\t%d\t%s\n' "$1" $lost "$seconds" >>"$work/kills"
    printf '  %3d  %-46s step %5d  lost %3d  went on after %5.2f s\n' $((++done)) "$what" \
        "$reached" $lost "$seconds"
    check "lost $lost steps" test $lost -lt $((2 * interval)) -a $lost -ge 0
}

# check WHAT COMMAND...: counts.
check() {
    if "${@:2}" >"$work/check" 2>&1; then
        ((passed++))
    else
        ((failed++))
        echo "FAILED: $1"
        head -n 20 "$work/check"
    fi
}

# --- the run ---

lockstep_train() { # RUN STEPS: the command, into `command`
    command=("$LOCKSTEP" train configs/letters.conf --data "$work/letters.h5"
        --run "$work/$1" --set "train.steps=$2" --set train.grain=16
        --set train.eval_every=4 --set log.every=1 --set checkpoint.keep=1
        --set "checkpoint.every_steps=$interval" --set checkpoint.every_epochs=0
        --set checkpoint.every_minutes=0.01)
}

# Steps enough for all kills: some intervals each, and what the ranks of a killed mpirun
# do in the seconds until they die, at the speed of this machine.
choose_steps() {
    lockstep_train trial 200
    mpirun -n 2 "${command[@]}" --threads 1 >"$work/trial.out" 2>&1 </dev/null || return
    steps=$(awk -v kills="$kills" -v interval="$interval" '
        /^ +[0-9]+ +[0-9.]+ / && ++rows > 100 { ms += $6 }
        END { print int(kills * (4 * interval + 500 * (rows - 100) / ms) + 500) }' \
        "$work/trial.out")
}

start_run() {
    lockstep_train chaos "$steps"
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

draw_kinds() {
    local i j
    drawn=()
    for ((i = 0; i < kills; i++)); do
        j=$((RANDOM % (i + 1)))
        drawn[i]=${drawn[j]-}
        drawn[j]=${kinds[i % ${#kinds[@]}]}
    done
}

last_state() {
    sed -n 's/^finished step .*state=//p' "$1" | tail -n 1
}

every_step_once() {
    /usr/bin/python3 - "$work/chaos/metrics.h5" "$steps" <<'END'
import sys, h5py
steps = h5py.File(sys.argv[1])["metrics/train/step"][:].tolist()
assert steps == list(range(1, int(sys.argv[2]) + 1)), len(steps)
END
}

compare() {
    local end
    end=$(last_state "$work/chaos/log.txt")
    check "exit status $status" test "$status" -eq 0
    check "state $end" test "$end" = "$(last_state "$work/calm/log.txt")"
    check "history" same_history "$work/calm/metrics.h5" "$work/chaos/metrics.h5"
    check "every step once in metrics.h5" every_step_once
    check "files" diff <(cd "$work/calm" && find . | sort) <(cd "$work/chaos" && find . | sort)
}

table() {
    local kind
    echo "| killed | times | lost steps, median | most | seconds until it went on, median | most |"
    echo "|---|---:|---:|---:|---:|---:|"
    for kind in "${kinds[@]}"; do
        grep -P "^$kind\t" "$work/kills" | sort -n -k2,2 >"$work/lost" || continue
        sort -n -k3,3 "$work/lost" | cut -f 3 >"$work/seconds"
        paste <(cut -f 2 "$work/lost") "$work/seconds" | awk -v name="${fault[$kind]}" '
            { lost[NR] = $1; seconds[NR] = $2 }
            function middle(a) { return (a[int((NR + 1) / 2)] + a[int(NR / 2) + 1]) / 2 }
            END { printf "| %s | %d | %.4g | %d | %.1f | %.1f |\n", name, NR,
                middle(lost), lost[NR], middle(seconds), seconds[NR] }'
    done
}

finish() {
    [[ -s $work/kills ]] && echo && table && echo
    echo "$passed passed, $failed failed, $skipped skipped"
    exit $((failed > 0 || passed == 0))
}
trap clean_up EXIT
trap 'exit 130' INT TERM

[[ $kills =~ ^[1-9][0-9]*$ && $seed =~ ^[0-9]+$ ]] || {
    echo "usage: chaos.sh [N [SEED]]" >&2
    exit 2
}
RANDOM=$seed
"$LOCKSTEP" data synth --out "$work/letters.h5" --train 3000 --test 400 >/dev/null || exit 1
choose_steps || die "cannot train: $(tail -n 1 "$work/trial.out")"
draw_kinds
echo "$kills kills in $steps steps, a checkpoint every $interval, seed $seed"
start_run
for kind in "${drawn[@]}"; do disturb "$kind"; done
wait "$supervisor"
status=$?
supervisor=''
echo "an undisturbed run, to compare"
lockstep_train calm "$steps"
mpirun -n 2 "${command[@]}" --threads 1 >"$work/calm.out" 2>&1 </dev/null ||
    die "the undisturbed run failed: $(tail -n 1 "$work/calm.out")"
compare
finish
