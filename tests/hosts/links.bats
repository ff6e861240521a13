#!/usr/bin/env bats
# A link that is cut for a while, and for ever.

source "$BATS_TEST_DIRNAME/fixture.sh"
ROOM=(4)
RATE=$SLOW_RATE
OPTIONS=("${SLOW_OPTIONS[@]}")

# resent: how many segments the TCP of n1 has retransmitted.
resent() {
    on n1 nstat -asz TcpRetransSegs | awk '/^TcpRetransSegs/ { print $2 }'
}

resent_more_than() { # SEGMENTS
    (($(resent) > $1))
}

@test "when a link is down for a while the run goes on by itself" {
    start_on n1,n2,n3:2 cut
    until_lines cut 4
    before=$(resent)
    link n3 down
    poll resent_more_than $((before + 2)) # the cut is noticed
    run -1 grep -q '^finished' cut/log.txt
    link n3 up
    link_rate full
    over 0 cut
    run -1 grep -q '^resumed' cut.out
    as_one_host cut
}

# mpirun's connections to its daemons stay open while the system retries: 15 minutes, unless
# it is told to retry less often.
@test "when a link stays down all ranks end, and the run goes on without that host" {
    for host in n1 n2 n3; do on $host sysctl -q net.ipv4.tcp_retries2=5; done
    start_on n1:2,n2,n3:2 dead --stall-timeout 4
    until_lines dead 4
    link n3 down
    over 1 dead
    grep -Eq "^lockstep: rank [34] \(n3\) $SILENT.*; ending the job" dead.err
    link n3 up
    goes_on n1,n2,n4 dead
}

@test "when a link stays down the mpirun of launch.sh notices within seconds" {
    MPIRUN=("$ROOT/scripts/launch.sh")
    start_on n1:2,n2,n3:2 asked
    until_lines asked 4
    link n3 down
    over '[1-9]*' asked
    grep -q 'lost communication with a remote daemon' asked.err
    link n3 up
    goes_on n1,n2,n4 asked
}
