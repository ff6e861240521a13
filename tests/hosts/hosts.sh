# shellcheck shell=bash
# Sourced after tests/env.sh: emulates several hosts on this machine, for the tests of this
# folder and for scripts/bench_hosts.sh.
#   hosts_up N [DELAY_US LOSS_PERMILLE]   hosts n1 ... nN on one switch (room.sh)
#   on n2 COMMAND...                      runs COMMAND on that host
#   mpirun_on n1:2,n2:1 PROGRAM...        two ranks on n1 and one on n2, started on n1
#   link n2 down|up                       cuts or restores its cable
#   link_rate 1gbit|full                  sets the rate of all cables
#   hosts_down                            removes the hosts and ends their processes
# Nothing outside is touched: the switch, too, is in a namespace of its own.

PATH=$PATH:/usr/sbin:/sbin
MPIRUN=(mpirun) # what mpirun_on starts, with mpirun's options
HOSTS_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# hosts_lack: prints what is missing to make hosts, or nothing.
hosts_lack() {
    local tool
    ((EUID == 0)) || { echo "root" && return; }
    for tool in ip tc nsenter unshare setpriv; do
        command -v $tool >/dev/null ||
            { echo "'$tool' (packages iproute2, util-linux)" && return; }
    done
    [[ -w /dev/net/tun ]] || { echo "/dev/net/tun" && return; }
    unshare --net --pid --mount --fork true 2>/dev/null ||
        echo "the right to make namespaces"
}

# The hosts end with this process, however it ends.
hosts_up() {
    local i cable=()
    if (($# > 1)); then
        cable=("$LOCKSTEP_BUILD/tests/hosts/cable" "${@:2}")
        [[ -x ${cable[0]} ]] || { echo "no '${cable[0]}': type 'make unit'" >&2 && return 1; }
    fi
    LOCKSTEP_ROOM=$(mktemp -d -p "${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}")
    setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child \
        --mount-proc "$HOSTS_SOURCE/room.sh" "$LOCKSTEP_ROOM" "$1" "${cable[@]}" \
        >"$LOCKSTEP_ROOM/log" 2>&1 </dev/null 3>&- &
    HOSTS_KEEPER=$! HOSTS=$1 # the keeper's only child is process 1 of the room
    export LOCKSTEP_ROOM HOSTS_KEEPER HOSTS_ROOM HOSTS
    for ((i = 0; i < 3000; i++)); do
        HOSTS_ROOM=$(pgrep -P $HOSTS_KEEPER) || :
        [[ -e $LOCKSTEP_ROOM/open ]] && return
        kill -0 $HOSTS_KEEPER 2>/dev/null || break
        sleep 0.02
    done
    echo "no hosts: $(<"$LOCKSTEP_ROOM/log")" >&2
    hosts_down
    return 1
}

# Process 1 ends only after all other processes of its namespace.
hosts_down() {
    [[ ${LOCKSTEP_ROOM-} ]] || return 0
    kill -KILL "${HOSTS_ROOM:-$HOSTS_KEEPER}" 2>/dev/null || :
    wait "$HOSTS_KEEPER" 2>/dev/null || :
    rm -rf "$LOCKSTEP_ROOM"
    unset LOCKSTEP_ROOM HOSTS_KEEPER HOSTS_ROOM HOSTS
}

in_room() {
    nsenter --target "$HOSTS_ROOM" --net --pid --mount --wdns="$PWD" "$@"
}

on() {
    in_room "$HOSTS_SOURCE/on.sh" "$@"
}

# TCP between hosts, shared memory inside one. All hosts need the same choice of kernels:
# mpirun passes those variables on only if told to, launch.sh does so by itself.
mpirun_on() {
    local name hand_on=()
    for name in LOCKSTEP_ISA OPENBLAS_CORETYPE; do
        [[ ${MPIRUN[0]} == mpirun && -v $name ]] && hand_on+=(-x "$name")
    done
    on "${1%%[:,]*}" "${MPIRUN[@]}" "${hand_on[@]}" -H "$1" --mca plm rsh \
        --mca ras ^slurm --mca plm_rsh_agent "$HOSTS_SOURCE/rsh.sh" --mca pml ob1 \
        --mca btl self,vader,tcp "${@:2}" </dev/null
}

link() {
    in_room ip link set "$1" "$2"
}

# Both directions are shaped, in the host and in the switch. The burst that passes unshaped
# must be small beside a step's sums, and no smaller than a packet; so packets are kept small,
# but not so small that they keep the kernel busy.
link_rate() {
    local i shape=(handle 1: tbf rate "$1" burst 36kb latency 50ms)
    [[ $1 == full ]] && shape=(noqueue)
    for ((i = 1; i <= HOSTS; i++)); do
        on n$i ip link set eth0 gso_max_size 32768
        on n$i tc qdisc replace dev eth0 root "${shape[@]}"
        in_room tc qdisc replace dev n$i root "${shape[@]}"
    done
}

# host_pids HOST [PATTERN]: the pids, as seen in the room, of the processes there.
host_pids() {
    local host
    host=$(<"$LOCKSTEP_ROOM/$1")
    in_room pgrep --ns "$host" --nslist net -f "${2:-.}" | grep -vx "$host" || :
}

# signal_on HOST SIGNAL PATTERN: signals the processes there whose command line matches.
signal_on() {
    local pids
    mapfile -t pids < <(host_pids "$1" "$3")
    ((${#pids[@]})) || { echo "no '$3' on $1" && return 1; }
    in_room kill "-$2" "${pids[@]}"
}
