#!/bin/bash
# A machine room: hosts n1, n2, ... that are network namespaces, each with its own name,
# /dev/shm and /tmp folder, and an interface eth0 (10.79.0.1, 10.79.0.2, ...) in a port of
# the room's switch, which has the host's name.
#   room.sh FOLDER HOSTS [CABLE DELAY_US LOSS_PERMILLE]
# hosts.sh starts it as process 1 of new namespaces: when it is killed, everything in the
# room ends with it. FOLDER/HOST holds the pid of the process that owns the host's
# namespaces; FOLDER/open appears when all hosts exist. With the program CABLE (cable.c)
# hosts are connected by such cables; between two hosts a frame passes two of them.
set -eu
here=$(dirname "$0")
folder=$1 hosts=$2 cable=("${@:3}")
export LOCKSTEP_ROOM=$folder

on() {
    "$here/on.sh" "$@"
}

# until_true COMMAND...: waits at most 10 seconds until it succeeds.
until_true() {
    local i
    for ((i = 0; i < 1000; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.01
    done
    return 1
}

apart() { # PID: the process has left the room's namespaces
    [[ $(readlink "/proc/$1/ns/net") != "$(readlink /proc/self/ns/net)" ]]
}

plug_in() { # HOST PID
    if ((${#cable[@]})); then
        "${cable[0]}" "$1" "$1-end" "${cable[@]:1}" &
        until_true ip link show "$1-end"
        ip link set "$1-end" netns "$2" name eth0
    else
        ip link add "$1" type veth peer name eth0 netns "$2"
    fi
    ip link set "$1" master switch up
}

# Congestion control is set, because the system's choice may be unusual.
host() { # NUMBER
    local name=n$1
    unshare --net --uts --ipc --mount sleep infinity &
    until_true apart $!
    echo $! >"$folder/$name"
    mkdir "$folder/$name.tmp"
    plug_in "$name" $!
    on "$name" sh -ec "
        hostname $name
        mount -t tmpfs -o size=1g tmpfs /dev/shm
        mount --bind $folder/hosts /etc/hosts
        ip link set lo up
        ip address add 10.79.0.$1/24 dev eth0
        ip link set eth0 up
        ip route replace 10.79.0.0/24 dev eth0 src 10.79.0.$1 congctl cubic"
}

ip link set lo up
ip link add switch type bridge
ip link set switch up
echo 127.0.0.1 localhost >"$folder/hosts"
for ((i = 1; i <= hosts; i++)); do echo "10.79.0.$i n$i" >>"$folder/hosts"; done
for ((i = 1; i <= hosts; i++)); do host $i; done
: >"$folder/open"
wait
