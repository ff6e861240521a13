#!/bin/bash
# The work of train.sbatch and sweep.sbatch, on the first node of the allocation: resume the
# run; if it stops before it is finished, put the job back into the queue:
#   job.sh [--sweep KEY=VALUE,...]... [--random N] CONFIG [OPTIONS OF lockstep train]
# The job is also put back after a rank or a node died, but not after PATIENCE tries in a row
# without a new checkpoint, and not if a retry cannot help: wrong options, a bug. The exit
# status is lockstep's.
set -u
PATIENCE=${PATIENCE:-3}
root=$(dirname "$(dirname "$(realpath "$0")")")
source "$root/scripts/launch.sh"
source "$root/scripts/points.sh"
source "$root/scripts/progress.sh"

# The number of an array alone would mean all its tasks.
id=${SLURM_JOB_ID-}
[[ ${SLURM_ARRAY_JOB_ID-} ]] && id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID

say() {
    printf 'job %s: %s\n' "$id" "$*" >&2
}

give_up() { # STATUS WORDS...
    say "${@:2}"
    exit "$1"
}

# Appends this task's settings of the sweep to `words`; sets `sweep_name`, their folder.
sweep_name=''
read_sweep() {
    local specs=() count n=${SLURM_ARRAY_TASK_ID:-1} setting
    while [[ ${1-} == --sweep || ${1-} == --random ]]; do
        (($# > 1)) || give_up 2 "'$1' needs a value"
        if [[ $1 == --sweep ]]; then
            specs+=("$2")
        else
            sweep_option "$2" || give_up 2 "'--random $2': N or N:SEED is expected"
        fi
        shift 2
    done
    words=("$@")
    [[ ${#specs[@]} -gt 0 || $sweep_random ]] || return
    count=$(sweep_count "${specs[@]}") || give_up 2 "$count"
    ((n >= 1 && n <= count)) || give_up 2 "the sweep has $count points, and this is task" \
        "$n of the array: use --array=1-$count"
    sweep_point "$n" "${specs[@]}"
    for setting in "${point[@]}"; do
        words+=(--set "$setting")
    done
    sweep_name=$(sweep_folder "${point[@]}")
}

# Exits unless the run can be trained; sets `run`, its folder.
check() {
    local said
    lockstep=$(find_lockstep "$root") ||
        give_up 2 "no build/lockstep in '$root'; type 'make'"
    words=(--resume --max-time auto "${words[@]}")
    said=$("$lockstep" train "${words[@]}" --check 2>&1) || {
        local status=$?
        printf '%s\n' "$said" >&2
        exit $status
    }
    run=$(sed -n 's/^run  *//p' <<<"$said")
    if [[ $sweep_name ]]; then
        run=$run/$sweep_name
        words+=(--run "$run")
    fi
}

# Counts tries without a new checkpoint in `fruitless`, which is kept in the run's folder.
# Fails if it cannot be written.
count_fruitless() {
    local file=$run/fruitless
    fruitless=0
    ((${SLURM_RESTART_COUNT:-0})) && read -r fruitless 2>/dev/null <"$file"
    [[ $fruitless =~ ^[0-9]{1,6}$ ]] || fruitless=0
    count_try "$before" "$(newest_step "$lockstep" "$run")"
    { mkdir -p "$run" && echo "$fruitless" >"$file"; } 2>/dev/null
}

# False if a user has cancelled the job or put it back. If SLURM does not answer: true.
is_ours_to_requeue() {
    local state
    state=$(squeue --noheader --jobs="$id" --format='%T %r') || return 0
    [[ $state == RUNNING* || $state == TIMEOUT* || $state == *TimeLimit ]]
}

put_back() {
    local try
    for try in 1 2 3; do
        scontrol requeue "$id" && return
        sleep 3
    done
    return 1
}

# Ignores the signals that SLURM sends to a job that it requeues.
requeue() {
    trap '' TERM USR1
    is_ours_to_requeue || give_up "$1" "ended from outside; submit it again to go on"
    count_fruitless ||
        give_up "$1" "not put back: '$run' cannot be written; submit it again to go on"
    ((fruitless < PATIENCE)) ||
        give_up "$1" "not put back: $fruitless tries left no new checkpoint"
    say "$2: back into the queue"
    put_back || give_up "$1" "it cannot be put back; submit it again to go on"
}

read_sweep "$@"
check
before=$(newest_step "$lockstep" "$run")
launch "$lockstep" train "${words[@]}"
status=$?
# The last task of a sweep to end prints the whole table.
((status == 0)) && [[ $sweep_name ]] && "$lockstep" runs "${run%/*}"
case $status in
0 | 2 | 3 | 126 | 127) ;;
75) requeue $status "stopped before its end" ;;
*) requeue $status "failed with status $status" ;;
esac
exit $status
