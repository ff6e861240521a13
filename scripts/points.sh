# shellcheck shell=bash
# Sourced by sweep.sh, submit.sh and slurm/job.sh: finds the program, and the points of a
# sweep.

source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/find.sh"

# A sweep is a list of settings with their values, "train.seed=1,2,3" "optim.lr=0.1,0.05".
# Its points are all combinations; the last setting varies fastest.
#
# With sweep_random=N or N:SEED they are N of these combinations at random, none twice. A
# setting may then be a range, "optim.lr=0.001..0.1": a number between the two, uniform in its
# logarithm if both are above 0, whole if both are; settings with values are drawn as well.
# The same words give the same points on every machine: a draw is a hash of what it is for.
sweep_random=''

# sweep_option RANDOM: sets sweep_random; fails if it is no N or N:SEED.
sweep_option() {
    [[ $1 =~ ^[1-9][0-9]{0,5}(:[0-9]{1,9})?$ ]] && sweep_random=$1
}

sweep_is_range() { # SPEC
    local number='-?[0-9]+(\.[0-9]+)?(e-?[0-9]+)?'
    [[ $1 =~ ^[a-z_]+\.[a-z_0-9]+=${number}\.\.${number}$ ]]
}

sweep_has_range() { # SPEC...
    local spec
    for spec; do sweep_is_range "$spec" && return; done
    return 1
}

# sweep_grid SPEC...: the number of all combinations; fails if a SPEC is malformed.
sweep_grid() {
    local spec count=1 values
    for spec; do
        [[ $spec =~ ^[a-z_]+\.[a-z_0-9]+=[^,]+(,[^,]+)*$ ]] || return 1
        IFS=, read -r -a values <<<"${spec#*=}"
        ((count *= ${#values[@]}))
    done
    echo "$count"
}

# sweep_count SPEC...: the number of points; fails if a SPEC is malformed, if there is a range
# without sweep_random, or if there are fewer combinations than sweep_random wants.
sweep_count() {
    local count random=${sweep_random%%:*}
    count=$(sweep_grid "$@") || return
    if [[ ! $random ]]; then
        ! sweep_has_range "$@" && echo "$count"
    elif sweep_has_range "$@" || ((random <= count)); then
        echo "$random"
    else
        return 1
    fi
}

# sweep_draw TEXT: a number below 2^32 that only the seed and TEXT decide.
sweep_draw() {
    local seed=1 hash
    [[ $sweep_random == *:* ]] && seed=${sweep_random#*:}
    hash=$(printf '%s:%s' "$seed" "$1" | sha256sum)
    echo $((0x${hash:0:8}))
}

# sweep_within SPEC DRAW: a value of a range.
sweep_within() {
    local range=${1#*=}
    awk -v low="${range%%..*}" -v high="${range#*..}" -v draw="$2" 'BEGIN {
        u = draw / 4294967296
        value = low > 0 && high > 0 ? low * exp(u * log(high / low)) : low + u * (high - low)
        whole = low ~ /^-?[0-9]+$/ && high ~ /^-?[0-9]+$/
        printf whole ? "%.0f" : "%.4g", value
    }'
}

# sweep_combination N SPEC...: sets `point` to the settings of combination N, from 1.
sweep_combination() {
    local n=$(($1 - 1)) i values
    shift
    point=()
    for ((i = $#; i > 0; i--)); do
        IFS=, read -r -a values <<<"${!i#*=}"
        point=("${!i%%=*}=${values[n % ${#values[@]}]}" "${point[@]}")
        ((n /= ${#values[@]}))
    done
}

# sweep_drawn N SPEC...: sets `point` to settings that are drawn one by one.
sweep_drawn() {
    local n=$1 spec draw values
    shift
    point=()
    for spec; do
        draw=$(sweep_draw "$n:${spec%%=*}")
        IFS=, read -r -a values <<<"${spec#*=}"
        if sweep_is_range "$spec"; then
            point+=("${spec%%=*}=$(sweep_within "$spec" "$draw")")
        else
            point+=("${spec%%=*}=${values[draw % ${#values[@]}]}")
        fi
    done
}

# sweep_shuffled N SPEC...: which combination is the N-th of all of them in a random order.
sweep_shuffled() {
    local n=$1 i count
    shift
    count=$(sweep_grid "$@")
    for ((i = 1; i <= count; i++)); do
        printf '%010d %d\n' "$(sweep_draw "$i")" $i
    done | sort | sed -n "${n}s/.* //p"
}

# sweep_point N SPEC...: sets the array `point` to the settings of point N, from 1.
sweep_point() {
    if [[ ! $sweep_random ]]; then
        sweep_combination "$@"
    elif sweep_has_range "${@:2}"; then
        sweep_drawn "$@"
    else
        sweep_combination "$(sweep_shuffled "$@")" "${@:2}"
    fi
}

# sweep_folder SETTING...: the name of the point's folder, "train.seed=1,optim.lr=0.1".
sweep_folder() {
    local IFS=,
    local name=$*
    echo "${name//[\/[:space:]]/_}"
}
