#!/bin/bash
# Train a network with several settings on this machine, one run after the other, and print a
# table of the runs:
#   sweep.sh [OPTION...] CONFIG [OPTIONS OF lockstep train]
#
#   --sweep KEY=V1,V2      a run for each value; several are combined
#   --random N[:SEED]      only N runs, of settings drawn at random; the same SEED (default
#                          1) draws the same ones
#   --sweep KEY=LOW..HIGH  with --random: numbers between these, uniform in their logarithm
#                          if both are above 0, whole if both are
#   --ranks N              ranks of each run, default one for each core
#   --list                 print the settings, and train nothing
#
# All settings are checked first. Each run has a folder of its own in RUN (--run, default
# runs/NAME), named by its settings. The same command goes on with what is not finished. A run
# that fails does not stop the others; the exit status is then 1.
set -u
root=$(dirname "$(dirname "$(realpath "$0")")")
source "$root/scripts/points.sh"

die() {
    printf 'sweep.sh: %s\n' "$*" >&2
    exit 2
}

usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

specs=() launch=() list=''
read_words() {
    while [[ ${1-} == --* ]]; do
        case $1 in
        --help) usage && exit ;;
        --list)
            list=yes
            shift
            continue
            ;;
        --sweep | --random | --ranks) (($# > 1)) || die "'$1' needs a value" ;;
        *) die "unknown option '$1'; see 'sweep.sh --help'; lockstep's come after CONFIG" ;;
        esac
        case $1 in
        --sweep) specs+=("$2") ;;
        --random) sweep_option "$2" || die "'--random $2': N or N:SEED is expected" ;;
        --ranks)
            [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || die "'--ranks $2': a whole number is expected"
            launch=(-n "$2")
            ;;
        esac
        shift 2
    done
    words=("$@")
    [[ ${1-} ]] || die "which config? see 'sweep.sh --help'"
    points=$(sweep_count "${specs[@]}") || die "$points"
}

# Sets `options` and `name` for point N.
set_point() {
    local setting
    sweep_point "$1" "${specs[@]}"
    options=()
    for setting in "${point[@]}"; do options+=(--set "$setting"); done
    name=$(sweep_folder "${point[@]}")
}

# No two points have the same folder.
check_names() {
    local i seen=$'\n'
    for ((i = 1; i <= points; i++)); do
        set_point $i
        [[ $seen != *$'\n'$name$'\n'* ]] || die "the sweep has '$name' twice"
        seen+=$name$'\n'
    done
}

# Exits unless all points can be trained; sets `folder`, that of all runs.
check_all() {
    local i said
    for ((i = 1; i <= points; i++)); do
        set_point $i
        said=$("$lockstep" train "${words[@]}" "${options[@]}" --resume --check 2>&1 </dev/null) || {
            grep '^lockstep: ' <<<"$said" >&2 || printf '%s\n' "$said" >&2
            exit 2
        }
        folder=$(sed -n 's/^run  *//p' <<<"$said")
    done
}

# Runs that failed are named at the end.
train_all() {
    local i status failed=()
    for ((i = 1; i <= points; i++)); do
        set_point $i
        printf '\n--- %d of %d: %s\n' $i "$points" "${point[*]}"
        status=0
        "$root/scripts/launch.sh" "${launch[@]}" "$lockstep" train "${words[@]}" \
            "${options[@]}" --resume --run "$folder/$name" || status=$?
        ((status == 75 || status == 130)) && exit $status
        ((status)) && failed+=("$name")
    done
    printf '\n'
    "$lockstep" runs "$folder"
    ((${#failed[@]})) || return 0
    printf 'sweep.sh: failed: %s\n' "${failed[@]}" >&2
    return 1
}

read_words "$@"
check_names
if [[ $list ]]; then
    for ((i = 1; i <= points; i++)); do
        set_point $i
        echo "${point[*]}"
    done
    exit
fi
lockstep=$(find_lockstep "$root") || die "no build/lockstep in '$root'; type 'make'"
check_all
train_all
