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

# sweep_count SPEC...: the number of points, or, with status 1, why there are none.
sweep_count() {
    local count random=${sweep_random%%:*}
    if ((! $#)); then
        echo "nothing varies: give --sweep KEY=VALUE,VALUE,..."
    elif ! count=$(sweep_grid "$@"); then
        echo "'--sweep $*': KEY=VALUE,VALUE,... is expected, as train.seed=1,2,3"
    elif [[ ! $random ]] && sweep_has_range "$@"; then
        echo "'--sweep $*': a range needs --random N"
    elif [[ $random ]] && ! sweep_has_range "$@" && ((random > count)); then
        echo "'--random $sweep_random': there are only $count settings"
    elif [[ $random ]] && ! sweep_has_points "$@"; then
        echo "'--random $sweep_random': there are not so many different settings"
    else
        echo "${random:-$count}"
        return
    fi
    return 1
}

# sweep_draw TEXT: sets `draw` to a number below 2^32 that only the seed and TEXT decide: the
# hash FNV-1a, mixed as MurmurHash3 ends (64 bits; Bash's numbers wrap).
sweep_draw() {
    local text=1:$1 i code hash=$((0xcbf29ce484222325))
    [[ $sweep_random == *:* ]] && text=${sweep_random#*:}:$1
    for ((i = 0; i < ${#text}; i++)); do
        printf -v code %d "'${text:i:1}"
        hash=$(((hash ^ code) * 0x100000001b3))
    done
    hash=$(((hash ^ (hash >> 33 & 0x7fffffff)) * 0xff51afd7ed558ccd))
    hash=$(((hash ^ (hash >> 33 & 0x7fffffff)) * 0xc4ceb9fe1a85ec53))
    draw=$(((hash ^ (hash >> 33 & 0x7fffffff)) & 0xffffffff))
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

# sweep_drawn TEXT SPEC...: sets `point` to settings that are drawn one by one.
sweep_drawn() {
    local text=$1 spec draw values
    shift
    point=()
    for spec; do
        sweep_draw "$text:${spec%%=*}"
        IFS=, read -r -a values <<<"${spec#*=}"
        if sweep_is_range "$spec"; then
            point+=("${spec%%=*}=$(sweep_within "$spec" "$draw")")
        else
            point+=("${spec%%=*}=${values[draw % ${#values[@]}]}")
        fi
    done
}

# sweep_draw_new N SPEC...: sets `point` to point N of those that are drawn, each drawn again
# until it is another one than those before; fails if that leads nowhere. What was drawn is
# kept, with a line for each point.
declare -A sweep_seen=()
sweep_tries=1000 sweep_drawn_points=() sweep_drawn_of=''
sweep_draw_new() {
    local n try text of="$sweep_random ${*:2}"
    [[ $of == "$sweep_drawn_of" ]] || sweep_drawn_points=() sweep_seen=() sweep_drawn_of=$of
    for ((n = ${#sweep_drawn_points[@]} + 1; n <= $1; n++)); do
        for ((try = 0; ; try++)); do
            ((try < sweep_tries)) || return 1
            sweep_drawn "$n:$try" "${@:2}"
            text=$(printf '%s\n' "${point[@]}")
            [[ ${sweep_seen[$text]-} ]] || break
        done
        sweep_seen[$text]=yes
        sweep_drawn_points+=("$text")
    done
    mapfile -t point <<<"${sweep_drawn_points[$1 - 1]}"
}

# sweep_has_points SPEC...: there are as many different points as sweep_random wants.
sweep_has_points() {
    local point
    ! sweep_has_range "$@" || sweep_draw_new "${sweep_random%%:*}" "$@"
}

# sweep_shuffled N SPEC...: sets `shuffled` to the N-th of all combinations in a random order.
sweep_order=() sweep_ordered=''
sweep_shuffled() {
    local i draw count of="$sweep_random ${*:2}"
    if [[ $of != "$sweep_ordered" ]]; then
        count=$(sweep_grid "${@:2}")
        mapfile -t sweep_order < <(
            for ((i = 1; i <= count; i++)); do
                sweep_draw "$i"
                printf '%010d %d\n' "$draw" $i
            done | sort
        )
        sweep_ordered=$of
    fi
    shuffled=${sweep_order[$1 - 1]#* }
}

# sweep_point N SPEC...: sets the array `point` to the settings of point N, from 1.
sweep_point() {
    local shuffled
    if [[ ! $sweep_random ]]; then
        sweep_combination "$@"
    elif sweep_has_range "${@:2}"; then
        sweep_draw_new "$@"
    else
        sweep_shuffled "$@"
        sweep_combination "$shuffled" "${@:2}"
    fi
}

# sweep_folder SETTING...: the name of the point's folder, "train.seed=1,optim.lr=0.1".
sweep_folder() {
    local IFS=,
    local name=$*
    echo "${name//[\/[:space:]]/_}"
}
