# shellcheck shell=bash
# Sourced by submit.sh and slurm/job.sh: where the program is, and sweeps.

# find_lockstep ROOT: the program of this tree, of the place it is installed to, or any.
find_lockstep() {
    local path
    for path in "${LOCKSTEP-}" "$1/build/lockstep" "$1/../../bin/lockstep"; do
        [[ -f $path && -x $path ]] && realpath "$path" && return
    done
    command -v lockstep
}

# A sweep is a list of settings with their values, "train.seed=1,2,3" "optim.lr=0.1,0.05":
# each value with each, the last varying fastest.

# sweep_count SPEC...: how many points that is; fails where a SPEC is none.
sweep_count() {
    local spec count=1 values
    for spec; do
        [[ $spec =~ ^[a-z_]+\.[a-z_0-9]+=[^,]+(,[^,]+)*$ ]] || return 1
        IFS=, read -r -a values <<<"${spec#*=}"
        ((count *= ${#values[@]}))
    done
    echo "$count"
}

# sweep_point N SPEC...: the N-th point's settings, N from 1, into the array `point`.
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

# sweep_folder SETTING...: a name for the point's folder, "train.seed=1,optim.lr=0.1".
sweep_folder() {
    local IFS=,
    local name=$*
    echo "${name//[\/[:space:]]/_}"
}
