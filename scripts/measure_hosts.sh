# shellcheck shell=bash
# Sourced, in the root of the source tree, by the scripts that measure over simulated hosts
# (network namespaces, tests/hosts/hosts.sh). Exits with one line if this machine cannot
# have them. On exit the hosts and the folder $work are removed. Sets $load, the load
# average at the start, and provides
#   must COMMAND...   writes the output to $work/out; exits if the command fails
#   middle COLUMN     median of a column of the training log in $work/out, without its
#                     first two lines; -1 is the last column

source tests/env.sh
source tests/hosts/hosts.sh

give_up() {
    echo "$(basename "$0" .sh): $1" >&2
    exit 1
}

[[ -x $LOCKSTEP ]] || give_up "no '$LOCKSTEP': type 'make all unit'"
lack=$(hosts_lack)
[[ ! $lack ]] || give_up "needs root, iproute2 and /dev/net/tun; missing: $lack"
work=$(mktemp -d) || exit 1
export TMPDIR=$work
trap 'hosts_down; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
load=$(cut -d' ' -f1 /proc/loadavg)

must() {
    "$@" >"$work/out" 2>"$work/err" && return
    cat "$work/err" >&2
    exit 1
}

middle() {
    awk -v c="$1" '/^ +[0-9]+ +[0-9.]+ .*[0-9]$/ && ++n > 2 { print $(c > 0 ? c : NF + 1 + c) }' \
        "$work/out" |
        sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
