#!/bin/bash
# A SLURM cluster on this machine: cluster.sh FOLDER. Needs root.
# Head and nodes are each a host of their own: network namespace, host name, /dev/shm. They
# share a process namespace, whose first process this script becomes: when it is killed, by
# whatever means, the kernel ends every process of the cluster, and network, host names and
# mounts are gone with them. Nothing outside FOLDER is written. FOLDER/ready appears when
# all nodes are idle; then `nsenter --target PID --all COMMAND` is a shell on the head.
set -eu
dir=$2
here=$(dirname "$(realpath "$0")")
nodes=4
export SLURM_CONF=$dir/slurm.conf PATH=$PATH:/usr/sbin:/sbin

start_munge() {
    install -d -m 755 "$dir/munge"
    head -c 1024 /dev/urandom >"$dir/munge/key"
    chmod 400 "$dir/munge/key"
    munged --foreground --socket="$dir/munge/socket" --key-file="$dir/munge/key" \
        --pid-file="$dir/munge/pid" --seed-file="$dir/munge/seed" \
        --log-file="$dir/munge/log" &
}

# One namespace for the node's end of the cable and all that runs on it.
start_node() {
    unshare --net --uts --mount --ipc "$0" node "$dir" "$1" &
    ip link add "v$1" type veth peer name "w$1"
    ip link set "w$1" netns $!
    ip link set "v$1" master bridge up
}

run_head() {
    hostname head
    mount -t tmpfs tmpfs /dev/shm
    ip link set lo up
    ip link add bridge type bridge
    ip addr add 10.78.0.254/24 dev bridge
    ip link set bridge up
    mkdir -p "$dir/state" "$dir/spool"
    sed "s|@DIR@|$dir|; s|@CPUS@|$(nproc)|" "$here/slurm.conf" >"$SLURM_CONF"
    start_munge
    slurmctld -D &
    local i
    for ((i = 1; i <= nodes; i++)); do
        start_node $i
    done
    until [[ $(sinfo -h -N -o %T 2>/dev/null | grep -c idle) == "$nodes" ]]; do
        sleep 0.2
    done
    touch "$dir/ready"
    wait
}

run_node() {
    hostname "n$1"
    mount -t tmpfs tmpfs /dev/shm
    until ip link show "w$1" >/dev/null 2>&1; do
        sleep 0.05
    done
    ip link set "w$1" name eth0
    ip addr add "10.78.0.$1/24" dev eth0
    ip link set lo up
    ip link set eth0 up
    exec slurmd -D -N "n$1"
}

case $1 in
head) run_head ;;
node) run_node "$3" ;;
esac
