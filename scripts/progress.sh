# shellcheck shell=bash
# Sourced by supervise.sh and slurm/job.sh: how far a run has come, and how many tries in a
# row have brought it no further.

# is_whole PROGRAM CHECKPOINT: PROGRAM, which reads all of it, does not say otherwise. What
# is no lockstep, or does not run on this machine, is not asked.
is_whole() {
    [[ -s $2 ]] || return
    [[ ${1##*/} == lockstep ]] || return 0
    "$1" show "$2" >/dev/null 2>&1
    (($? != 1))
}

# newest_step PROGRAM RUN: where --resume would go on: the step of the newest checkpoint that
# is not damaged, 0 without one. Their names sort as their steps.
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

# count_try BEFORE AFTER: a try has ended that went on from step BEFORE, and the next one
# would from AFTER: in `fruitless`, how many in a row have brought the run no further.
count_try() {
    fruitless=$(($2 > $1 ? 0 : fruitless + 1))
}
