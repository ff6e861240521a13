# shellcheck shell=bash
# Sourced, in the root of the source tree, by the scripts that measure over hosts of this
# machine (tests/hosts/hosts.sh). Ends them in one line where there can be none; when they
# end, the hosts and the folder $work are removed. Sets $load, the load average before, and
# provides
#   must COMMAND...   its output is in $work/out; if it fails, so does the script
#   middle COLUMN     of the lines of a training log there, without the first two

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
    awk -v c="$1" '/^ +[0-9]+ +[0-9.]+ .*[0-9]$/ && ++n > 2 { print $c }' "$work/out" |
        sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
