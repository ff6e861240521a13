#!/usr/bin/env bats
# Hosts with interfaces that lead nowhere: scripts/launch.sh chooses the networks by which the
# hosts reach each other, and names those that it waits for. Hosts whose names differ only
# behind the first dot.

ROOM=(3)
OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.steps=12 --set log.every=4
    --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off)
source "$BATS_TEST_DIRNAME/fixture.sh"

# Each host has an interface with the same address, which no list of names has, one with an
# address of its own in a network of its own, and one in a network of all that has no cable.
setup_file() {
    hosts_setup_file
    have_hosts || return 0
    for n in 1 2 3; do
        on n$n sh -ec "apart() {
                ip link add \$1 type veth peer name \$1-end
                ip link set \$1-end up
                ip link set \$1 up
                ip address add \$2 dev \$1
            }
            apart site0 10.3.0.1/24
            apart own$n 10.4.$n.1/24
            ip link add loose type bridge
            ip link set loose up
            ip address add 10.5.0.$n/24 dev loose"
    done
}

setup() {
    hosts_setup
    MPIRUN=("$ROOT/scripts/launch.sh")
}

# within SECONDS COMMAND...: kills the job after that time, for without a choice runs hang.
within() {
    local status=0 end=$((SECONDS + $1))
    "${@:2}" 3>&- &
    while kill -0 $! 2>/dev/null; do
        ((SECONDS < end)) || signal_on n1 KILL '^mpirun'
        sleep 0.1
    done
    wait $! || status=$?
    return $status
}

networks() { # HOSTS OPTION...
    mpirun_on "$@" sh -c 'echo "${OMPI_MCA_btl_tcp_if_include-none} \
${OMPI_MCA_oob_tcp_if_include-none} ${OMPI_MCA_btl_tcp_if_exclude-none}"' | sort -u
}

@test "launch.sh chooses the network in which each host has an address of its own" {
    [ "$(networks n1,n2,n3)" = "10.79.0.0/24 10.79.0.0/24 none" ]
    printf '%s\n' '# hosts' 'n2 slots=2' '' 'n3 slots=1 # the other' >list
    run on n2 "${MPIRUN[@]}" --hostfile list -n 3 --mca plm rsh --mca plm_rsh_agent \
        "$HOSTS_SOURCE/rsh.sh" sh -c 'echo "$(hostname) $OMPI_MCA_btl_tcp_if_include"'
    echo "$output"
    [ "$(sort <<<"$output" | uniq -c | xargs)" = "2 n2 10.79.0.0/24 1 n3 10.79.0.0/24" ]
}

@test "a choice of networks by the user is left alone" {
    [ "$(OMPI_MCA_btl_tcp_if_include=eth0 networks n1,n2)" = "eth0 10.79.0.0/24 none" ]
    [ "$(networks n1,n2 --mca btl_tcp_if_include eth0)" = "eth0 none none" ]
}

@test "hosts with interfaces of the same address train to the state of one host" {
    within 40 train_on n1:2,n2,n3 chosen
    as_one_host chosen
}

# The hosts are in two networks, with a router between them: none is common to all.
@test "where no network is common to all hosts, those with a way between them are chosen" {
    on n3 sh -ec 'ip address flush dev eth0
        ip address add 10.80.0.3/24 dev eth0
        ip route add 10.79.0.0/24 dev eth0 scope link'
    for n in 1 2; do on n$n ip route add 10.80.0.0/24 dev eth0 scope link; done
    in_room sed -i 's/.* n3$/10.80.0.3 n3/' "$LOCKSTEP_ROOM/hosts"
    found=$(networks n1,n3)
    within 40 train_on n1,n3 routed || :
    on n3 sh -ec 'ip address flush dev eth0
        ip address add 10.79.0.3/24 dev eth0'
    in_room sed -i 's/.* n3$/10.79.0.3 n3/' "$LOCKSTEP_ROOM/hosts"
    cat routed.err
    echo "$found"
    [[ $found == "none none 127.0.0.1/8,sppp,"*10.3.0.0/24* ]]
    [[ $found == *10.5.0.0/24* && $found == *10.4.3.0/24* && $found == *10.4.1.0/24* ]]
    [[ $found != *10.79.* && $found != *10.80.* ]]
    as_one_host routed
}

@test "hosts that do not answer are named while launch.sh waits for them" {
    printf '%s\n' '#!/bin/bash' "[[ \$1 != n2 ]] && exec '$HOSTS_SOURCE/rsh.sh' \"\$@\"" \
        'mkdir asked 2>/dev/null && exec sleep 100' 'exit 255' >agent
    chmod +x agent
    export NETWORK_PATIENCE=1 NETWORK_LIMIT=2
    run ! --separate-stderr on n1 "${MPIRUN[@]}" -H n1,n2,n3 --mca plm rsh \
        --mca plm_rsh_agent "$PWD/agent" true
    [[ $stderr == 'launch.sh: no answer from n2 for 1 s; still waiting'$'\n'* ]]
    all_gone
}

# As with a bare mpirun on such hosts, or behind a firewall.
@test "ranks that hear nothing of each other are named" {
    MPIRUN=(mpirun)
    mpirun_on n1,n2 --mca btl_tcp_if_include 10.3.0.0/24 "$LOCKSTEP" bench reduce \
        --bytes 4096 >mute.out 2>mute.err 3>&- &
    JOB=$!
    poll grep -q '^note: .*rank 0 on n1 waits for ranks 1: ' mute.err || { cat mute.err && false; }
    poll grep -q '^note: rank 1 on n2 waits, too$' mute.err
    signal_on n1 KILL '^mpirun'
    wait $JOB || :
    all_gone
}

@test "hosts whose names differ only behind the first dot are different hosts" {
    for n in 1 2; do
        on n$n hostname node1.room$n
        ln -s n$n "$LOCKSTEP_ROOM/node1.room$n"
        mkdir -p "$LOCKSTEP_ROOM/node1.room$n.tmp"
        in_room sed -i "s/ n$n\$/ n$n node1.room$n/" "$LOCKSTEP_ROOM/hosts" || break
    done
    mpirun_on node1.room1:1,node1.room2:2 "$LOCKSTEP" train "$LETTERS" --data letters.h5 \
        --threads 1 --run names "${OPTIONS[@]}" >names.out 2>names.err || :
    for n in 1 2; do on n$n hostname n$n; done
    cat names.err names.out
    as_one_host names
    grep -q ' 1 rank x 1 thread on node1.room1, ' names.out
    grep -q ' 2 ranks x 1 thread on node1.room2, ' names.out
    run -1 grep -q 'node1, \|node1 (' names.out
}
