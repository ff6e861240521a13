#!/bin/bash
# What train.sbatch and sweep.sbatch do on the first node of their allocation: go on with
# the run until it is finished, or has to stop, and then go back into the queue:
#   job.sh [--sweep KEY=VALUE,...]... CONFIG [OPTIONS OF lockstep train]
# Back it goes also when a rank or node has died, but not after PATIENCE tries in a row that
# left no new checkpoint, and not when there is nothing to be hoped from it: wrong options,
# a bug. The exit status is lockstep's.
set -u
PATIENCE=${PATIENCE:-3}
root=$(dirname "$(dirname "$(realpath "$0")")")
source "$root/scripts/launch.sh"
source "$root/scripts/slurm.sh"
source "$root/scripts/progress.sh"

# Of an array, the number alone would mean all tasks.
id=${SLURM_JOB_ID-}
[[ ${SLURM_ARRAY_JOB_ID-} ]] && id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID

say() {
    printf 'job %s: %s\n' "$id" "$*" >&2
}

give_up() { # STATUS WORDS...
    say "${@:2}"
    exit "$1"
}

# Takes this task's settings from the sweep; `sweep_name` is the folder they get.
sweep_name=''
read_sweep() {
    local specs=() count n=${SLURM_ARRAY_TASK_ID:-1} setting
    while [[ ${1-} == --sweep ]]; do
        (($# > 1)) || give_up 2 "'--sweep' needs KEY=VALUE,..."
        specs+=("$2")
        shift 2
    done
    words=("$@")
    ((${#specs[@]})) || return
    count=$(sweep_count "${specs[@]}") ||
        give_up 2 "'--sweep ${specs[*]}': KEY=VALUE,VALUE,... is expected"
    ((n >= 1 && n <= count)) || give_up 2 "the sweep has $count points, and this is task" \
        "$n of the array: use --array=1-$count"
    sweep_point "$n" "${specs[@]}"
    for setting in "${point[@]}"; do
        words+=(--set "$setting")
    done
    sweep_name=$(sweep_folder "${point[@]}")
}

# Whether the run can be trained at all, and where: `run`.
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

# The number of `fruitless` tries is kept in the run's folder. Fails where it cannot be kept.
count_fruitless() {
    local file=$run/fruitless
    fruitless=0
    ((${SLURM_RESTART_COUNT:-0})) && read -r fruitless 2>/dev/null <"$file"
    [[ $fruitless =~ ^[0-9]{1,6}$ ]] || fruitless=0
    count_try "$before" "$(newest_step "$lockstep" "$run")"
    { mkdir -p "$run" && echo "$fruitless" >"$file"; } 2>/dev/null
}

# Not when somebody has cancelled the job, or put it back himself. When SLURM does not say,
# it is tried.
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

# What SLURM sends to the rest of a job that it takes away is not to hit the taking.
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
case $status in
0 | 2 | 3 | 126 | 127) ;;
75) requeue $status "stopped before its end" ;;
*) requeue $status "failed with status $status" ;;
esac
exit $status
