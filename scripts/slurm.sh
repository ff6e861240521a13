# shellcheck shell=bash
# Sourced by submit.sh and slurm/job.sh: finds the program, and expands sweeps.

source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/find.sh"

# A sweep is a list of settings with their values, "train.seed=1,2,3" "optim.lr=0.1,0.05".
# Its points are all combinations; the last setting varies fastest.

# sweep_count SPEC...: the number of points; fails if a SPEC is malformed.
sweep_count() {
    local spec count=1 values
    for spec; do
        [[ $spec =~ ^[a-z_]+\.[a-z_0-9]+=[^,]+(,[^,]+)*$ ]] || return 1
        IFS=, read -r -a values <<<"${spec#*=}"
        ((count *= ${#values[@]}))
    done
    echo "$count"
}

# sweep_point N SPEC...: sets the array `point` to the settings of point N, from 1.
sweep_point() {
    local n=$(($1 - 1)) i values
    shift
    point=()
    for ((i = $#; i > 0; i--)); do
        IFS=, read -r -a values <<<"${!i#*=}"
        point=("${!i%%=*}=${values[n % ${#values[@]}]}" "${point[@]}")
        ((n /= ${#values[@]}))
    done
}

# sweep_folder SETTING...: the name of the point's folder, "train.seed=1,optim.lr=0.1".
sweep_folder() {
    local IFS=,
    local name=$*
    echo "${name//[\/[:space:]]/_}"
}
