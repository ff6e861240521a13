# shellcheck shell=bash
# Sourced by the bats files of this folder, which train over several hosts:
#   setup() { source "$BATS_TEST_DIRNAME/runs.sh"; need_hosts; }
# Most do so by fixture.sh. Hosts share the folder of the test, as the nodes of a cluster do.
# The options of a run are the array OPTIONS of the bats file.

source "$(dirname "${BASH_SOURCE[0]}")/../runs.sh"
source "$(dirname "${BASH_SOURCE[0]}")/hosts.sh"
RANK='^[^ ]*lockstep train ' # the command line of a rank

have_hosts() {
    [[ -z $(hosts_lack) ]]
}

need_hosts() {
    local lack
    lack=$(hosts_lack)
    [[ -z $lack ]] ||
        skip "hosts need root, iproute2 and /dev/net/tun; missing here: $lack"
}

# hosts_and_reference HOSTS [DELAY LOSS]: hosts_up, data, and the run `reference` of one rank
# on one host. Does nothing where hosts cannot be made.
hosts_and_reference() {
    have_hosts || return 0
    hosts_up "$@"
    letters letters.h5 "${IMAGES:-1500}" 70
    train 1 "$LETTERS" --run reference "${OPTIONS[@]}" >reference.out
}

# train_on HOSTS RUN OPTION...
train_on() {
    mpirun_on "$1" "$LOCKSTEP" train "$LETTERS" --data letters.h5 --threads 1 \
        --run "$2" "${OPTIONS[@]}" "${@:3}" >>"$2.out" 2>>"$2.err"
}

# start_on HOSTS RUN OPTION...: train_on in the background; JOB is its pid.
start_on() {
    LINES_BEFORE=$(steps_logged "$2")
    train_on "$@" 3>&- &
    JOB=$!
}

# signal_rank HOST RANK SIGNAL
signal_rank() {
    local files pid
    mapfile -t files < <(host_pids "$1" "$RANK" | sed 's|.*|/proc/&/environ|')
    pid=$(in_room grep -lzx "OMPI_COMM_WORLD_RANK=$2" "${files[@]}" | tr -dc 0-9)
    in_room kill "-$3" "$pid"
}

# all_gone: waits until no process is left on any host.
all_gone() {
    local left
    poll are_empty ||
        { echo "still running:" && in_room ps -f -p "$(xargs <<<"$left" | tr ' ' ,)" && return 1; }
}

are_empty() {
    local n
    left=$(for ((n = 1; n <= HOSTS; n++)); do host_pids n$n; done)
    [[ -z $left ]]
}

# over STATUS RUN: the job of `start_on` ended with STATUS (a pattern) on all hosts.
over() {
    local status=0
    wait "$JOB" || status=$?
    echo "status $status, wanted $1: $(<"$2.err")"
    # shellcheck disable=SC2053
    [[ $status == $1 ]]
    all_gone
}

# as_one_host RUN: it ended with the state and the metrics of the run `reference`.
as_one_host() {
    tail -n 3 "$1.out"
    same_state reference.out "$1.out"
    same_history reference/metrics.h5 "$1/metrics.h5"
}

# goes_on HOSTS RUN: the run has not ended yet; resumed there, it ends as `reference`.
goes_on() {
    run tail -n 1 "$2/log.txt"
    [[ $output != finished* ]]
    link_rate full
    train_on "$@"
    grep -q "^resumed from '$2/" "$2.out"
    as_one_host "$2"
    all_gone
}
