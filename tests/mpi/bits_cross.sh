#!/bin/bash
# One state for every layout: the full cross, where resnet.bats takes chains.
#   bits_cross.sh CONFIG DATA [OPTION...]      OPTIONs go to every `lockstep train`
# trains CONFIG (a file or a network's name) on DATA in every layout, twice: in one go, and with
# a rank that is killed (SIGKILL, a rank and a step by chance) and the run resumed on another
# layout. All must end with the same state=. A layout is a number of replicas, of threads and
# of stages: replicas x stages processes. Prints a table in Markdown, and at the end the number
# of layouts, of states and of failures. In the environment, with their defaults:
#   RANKS="1 2 3 5" THREADS="1 2" STAGES="1 2" STEPS=20 SEED=1
# SEED repeats what is drawn, though not the instant of a kill. Every run ends with an evaluation:
# a data set with few val or test images is done sooner. After a failure the files are kept.
set -u
# shellcheck source=tests/env.sh
source "$(dirname "$0")/../env.sh"
source "$ROOT/tests/processes.sh"

(($# >= 2)) || { sed -n '2,/^set /{/^set /d; s/^# \?//p}' "$0" >&2 && exit 2; }
config=$1 data=$(realpath "$2") options=("${@:3}")
[[ -f $config ]] && config=$(realpath "$config")
read -ra replicas <<<"${RANKS:-1 2 3 5}"
read -ra threads <<<"${THREADS:-1 2}"
read -ra stages <<<"${STAGES:-1 2}"
steps=${STEPS:-20} limit=600 # seconds
RANDOM=${SEED:-1}
layouts=() failed=0 states=() job='' ranks=()
work=$(mktemp -d) || exit 1
cd "$work" || exit 1

clean_up() {
    kill -KILL $job "${ranks[@]}" 2>/dev/null
    cd /
    if ((failed)); then
        echo "the files are in $work" >&2
    else
        rm -rf "$work"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# start RUN "REPLICAS THREADS STAGES" OPTION...: in the background; sets `job`.
start() {
    local r t s
    read -r r t s <<<"$2"
    mpirun -n $((r * s)) "$LOCKSTEP" train "$config" --data "$data" --run "$1" --threads "$t" \
        --tune=off --set "parallel.pipeline=$s" --set "train.steps=$steps" \
        --set schedule.kind=constant --set checkpoint.every_epochs=0 --set log.every=1 \
        "${options[@]}" "${@:3}" >"$1.out" 2>"$1.err" </dev/null &
    job=$!
}

# Waits for the job and its ranks; returns mpirun's status.
ended() {
    local status=0 pid
    wait "$job" || status=$?
    for pid in "${ranks[@]}"; do poll dead "$pid" || return; done
    job='' ranks=()
    return "$status"
}

# end RUN: sets `state` to the last one of RUN, which has just ended.
end() {
    state=$(sed -n "s/^finished step $steps of .*state=//p" "$1.out")
    [[ $state ]] && states+=("$state") && return
    ((failed++))
    state="none: $(tail -n 1 "$1.err")"
}

has_step() {
    grep -qsE "^ +$2 " "$1.out" || ! alive "$job"
}

# killed RUN LAYOUT: leaves a run that was killed; sets `step` and `rank`, or fails.
killed() {
    local number
    start "$1" "$2" --set checkpoint.every_steps=1
    read -r number _ stage <<<"$2"
    number=$((number * stage))
    step=$((1 + RANDOM % (steps - 4))) rank=$((RANDOM % number))
    POLL_SECONDS=$limit poll has_step "$1" $step >&2 && mapfile -t ranks < <(pgrep -P "$job")
    kill -KILL "${ranks[rank]-}" 2>/dev/null || { ended && return 1; }
    ! ended
}

# resume RUN LAYOUT: sets `from`, the step at which RUN went on, and `state`.
resume() {
    start "$1" "$2" --set checkpoint.every_steps=1 --resume
    ended || :
    from=$(sed -nE "s/^resumed from .*: step ([0-9]+) of .*/\1/p" "$1.out" "$1.err" | head -n 1)
    end "$1"
    [[ $from ]] || ((failed++))
}

for r in "${replicas[@]}"; do for t in "${threads[@]}"; do for s in "${stages[@]}"; do
    layouts+=("$r $t $s")
done; done; done
echo "| ranks, threads, stages | state in one go | killed at step: rank | resumed at step, on | state |"
echo "|---|---|---|---|---|"
for layout in "${layouts[@]}"; do
    name=${layout// /-}
    start "whole-$name" "$layout"
    ended || :
    end "whole-$name"
    printf '| %s | %s ' "${layout// /, }" "$state"
    other=$layout
    until [[ $other != "$layout" || ${#layouts[@]} == 1 ]]; do
        other=${layouts[RANDOM % ${#layouts[@]}]}
    done
    if killed "killed-$name" "$layout"; then
        resume "killed-$name" "$other"
        printf '| %d: %d | %s, on %s | %s |\n' $step $rank "${from:-none}" "${other// /, }" "$state"
    else
        printf '| not killed | | |\n'
        ((failed++))
    fi
done
different=$(printf '%s\n' "${states[@]}" | sort -u | grep -c .)
echo
echo "${#layouts[@]} layouts, ${#states[@]} runs, $different state(s), $failed failed"
((failed == 0 && different == 1))
