#!/usr/bin/env bats
# Ranks, daemons and hosts that stop or die.

source "$BATS_TEST_DIRNAME/fixture.sh"
ROOM=(4)
RATE=$SLOW_RATE
OPTIONS=("${SLOW_OPTIONS[@]}")

@test "a rank on another host that is stopped for a while is named, and the run goes on" {
    start_on n1,n2:2,n3 late --stall-timeout 20
    until_lines late 4
    signal_rank n2 2 STOP
    until_said late "^note: rank 2 \\(n2\\) $SILENT.*; the job is ended after 20 s"
    signal_rank n2 2 CONT
    until_said late '^note: rank 2 \(n2\) moves again'
    link_rate full
    over 0 late
    as_one_host late
}

@test "a rank on another host that stays stopped is named, and the job ended" {
    start_on n1,n2:2,n3 stopped --stall-timeout 6
    until_lines stopped 4
    signal_rank n2 2 STOP
    over 1 stopped
    cat stopped.err
    grep -Eq "^note: rank 2 \(n2\) $SILENT.*; the job is ended after 6 s" stopped.err
    grep -Eq "^lockstep: rank 2 \(n2\) $SILENT.*; ending the job" stopped.err
    goes_on n1,n2:2,n3 stopped
}

@test "after a rank on another host was killed the same command goes on" {
    start_on n1,n2:2,n3 rank
    until_lines rank 4
    signal_rank n2 1 KILL
    over 137 rank
    goes_on n1,n2:2,n3 rank
}

@test "supervise.sh goes on by itself after a daemon and a rank on other hosts were killed" {
    MPIRUN=("$ROOT/scripts/supervise.sh" "$ROOT/scripts/launch.sh")
    start_on n1,n2:2,n3 kept
    until_lines kept 4
    signal_on n2 KILL '^orted'
    until_said kept 'going on from step [0-9]+ '
    until_lines kept 12
    signal_rank n3 3 KILL
    link_rate full
    over 0 kept
    [ "$(grep -c "^resumed from 'kept/" kept.out)" -eq 2 ]
    as_one_host kept
}

@test "when mpirun is killed all ranks end, and the same command goes on" {
    start_on n1,n2:2,n3 mpirun
    until_lines mpirun 4
    signal_on n1 KILL '^mpirun'
    over 137 mpirun
    goes_on n1,n2:2,n3 mpirun
}

@test "when all processes of a host are killed the run goes on without that host" {
    start_on n1,n2:2,n3 host
    until_lines host 4
    signal_on n2 KILL .
    over '[1-9]*' host
    goes_on n1,n3:2 host
}
