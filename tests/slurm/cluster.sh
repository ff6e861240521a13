#!/bin/bash
# A SLURM cluster on this machine, as root:
#   unshare --fork --kill-child --pid --mount-proc --net --uts --ipc cluster.sh FOLDER
# Its head and its nodes n1 to n4 have their own network, host name and /dev/shm. They share
# a pid namespace whose first process is this script: when it ends, the kernel ends all
# others, and removes networks, names and mounts. Only FOLDER is written to. FOLDER/ready
# appears when all nodes are idle.
set -eu
here=$(dirname "$(realpath "$0")")
dir=$(realpath "$1")
export SLURM_CONF=$dir/slurm.conf PATH=$PATH:/usr/sbin:/sbin

# munged refuses a FOLDER that is closed to other users unless forced.
start_munge() {
    mkdir -m 755 "$dir/munge"
    head -c 1024 /dev/urandom >"$dir/munge/key"
    chmod 400 "$dir/munge/key"
    munged --force --foreground --socket="$dir/munge/socket" --key-file="$dir/munge/key" \
        --pid-file="$dir/munge/pid" --seed-file="$dir/munge/seed" \
        --log-file="$dir/munge/log" &
}

# Starts a node in a new network namespace and connects it to the bridge.
start_node() {
    mkdir -p "$dir/spool/n$1"
    unshare --net --uts --mount --ipc "$0" "$dir" "$1" &
    while [[ /proc/$!/ns/net -ef /proc/self/ns/net ]]; do
        sleep 0.01
    done
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
    mkdir -p "$dir/state"
    local real
    real=$(slurmd -C | grep -o 'CPUs=.*ThreadsPerCore=[0-9]*')
    sed "s|@DIR@|$dir|; s|@REAL@|$real|" "$here/slurm.conf" >"$SLURM_CONF"
    start_munge
    slurmctld -D &
    local n
    for n in 1 2 3 4; do
        start_node $n
    done
    until [[ $(sinfo -h -N -o '%N %T' 2>/dev/null | grep -c ' idle$') == 4 ]]; do
        sleep 0.2
    done
    touch "$dir/ready"
    wait
}

# As on nodes with Docker and the like, each node has an interface with the same address.
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
    ip link add site0 type bridge
    ip addr add 172.17.0.1/16 dev site0
    ip link set site0 up
    exec slurmd -D -N "n$1"
}

if (($# > 1)); then
    run_node "$2"
else
    run_head
fi
