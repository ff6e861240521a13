# shellcheck shell=bash
# Sourced by supervise.sh and slurm/job.sh: the progress of a run, and the number of tries in
# a row without any.

# is_whole PROGRAM CHECKPOINT: false if PROGRAM, which reads all of it, finds it damaged. If
# PROGRAM is not lockstep or does not run on this machine, the checkpoint counts as whole.
is_whole() {
    [[ -s $2 ]] || return
    [[ ${1##*/} == lockstep ]] || return 0
    "$1" show "$2" >/dev/null 2>&1
    (($? != 1))
}

# newest_step PROGRAM RUN: the step from which --resume would go on, that of the newest
# checkpoint that is not damaged; 0 if there is none. File names sort by step.
newest_step() {
    local files=("$2"/checkpoints/step-*.h5) i step
    for ((i = ${#files[@]} - 1; i >= 0; i--)); do
        [[ ${files[i]} =~ /step-([0-9]+)\.h5$ ]] || continue
        step=$((10#${BASH_REMATCH[1]}))
        is_whole "$1" "${files[i]}" && echo "$step" && return
    done
    step=''
    [[ ${1##*/} == lockstep ]] &&
        step=$("$1" show "$2/checkpoints/best.h5" 2>/dev/null |
            sed -nE 's/^step +([0-9]+),.*/\1/p')
    echo "${step:-0}"
}

# count_try BEFORE AFTER: a try that started from step BEFORE has ended, and the next one
# would start from AFTER. Sets `fruitless`, the tries in a row without a newer checkpoint.
count_try() {
    fruitless=$(($2 > $1 ? 0 : fruitless + 1))
}
