#!/usr/bin/env bats
# The table of what `lockstep plan` predicts and what training takes, over hosts that its
# script makes and removes itself.

setup_file() {
    source "$BATS_TEST_DIRNAME/runs.sh"
    letters letters.h5 700 50
}

setup() {
    source "$BATS_TEST_DIRNAME/runs.sh"
    need_hosts
    mkdir "$BATS_TEST_TMPDIR/t"
}

teardown() {
    hosts_down
}

# As a user starts it.
check_plan() {
    exec env -u BATS_FILE_TMPDIR -u BATS_TEST_TMPDIR TMPDIR="$BATS_TEST_TMPDIR/t" \
        "$ROOT/scripts/check_plan.sh" "$@"
}

rooms() {
    pgrep -fc "room[.]sh $BATS_TEST_TMPDIR/t/" || :
}

# What the script made is gone: its hosts and its folder.
nothing_left() {
    local i
    for ((i = 0; i < 400; i++)); do
        [[ $(rooms) == 0 && -z $(ls -A "$BATS_TEST_TMPDIR/t") ]] && return
        sleep 0.025
    done
    ls -A "$BATS_TEST_TMPDIR/t"
    return 1
}

@test "a row for each way of summing, and what is within 15 %" {
    (check_plan --rounds 1 --only '2 hosts, 100' --csv checked.csv --markdown) >out 2>err
    cat out
    number='[0-9]+\.[0-9]{2}'
    for overlap in on off; do
        grep -Eq "^\| 2 hosts, 100 Mbit/s \| $overlap \| $number \| $number \| $number \| 100Mbit,20us \| $number \| $number \|$" out
    done
    grep -Eq '^[0-4] of 4 predictions are within 15 %$' out
    [ "$(grep -c '^"2 hosts, 100 Mbit/s",2,2,128,' checked.csv)" -eq 2 ]
    nothing_left
}

@test "the network is measured between hosts, however the ranks are dealt out" {
    hosts_up 2
    mpirun_on n1:2,n2:1 --map-by node "$LOCKSTEP" plan "$TINY" --data letters.h5 --threads 1 \
        --set train.batch=90 --set train.grain=16 --ranks 3 >out
    hosts_down
    cat out
    grep -q '^network  *measured, n1 to n2: ' out
}

@test "what nodes that are filled unevenly would sum is not taken for a node's" {
    hosts_up 2
    mpirun_on n1:1,n2:2 "$LOCKSTEP" plan "$TINY" --data letters.h5 --threads 1 --ranks 2,3 \
        >uneven.out 2>uneven.err
    mpirun_on n1:2,n2:1 "$LOCKSTEP" plan "$TINY" --data letters.h5 --threads 1 --ranks 2,3 \
        >even.out 2>even.err
    hosts_down
    cat even.out uneven.out
    run ! grep -q '^sum ' uneven.out
    grep -q '^note: of nodes with different numbers of ranks only the last should' uneven.err
    [ "$(grep -c '^sum ' even.out)" -eq 2 ]
    run ! grep -q 'of nodes with different' even.err
}

@test "a long way does not hide how slow the network is" {
    hosts_up 2 50000 0
    mpirun_on n1:1,n2:1 "$LOCKSTEP_BUILD/tests/comm/test_link" >out 2>&1
    hosts_down
    cat out
    [ "$(grep -c '  OK .*test_measured' out)" -eq 2 ]
}

@test "ended by a signal it removes what it made" {
    rm -f err # of another test: what waits for a word in it could be first
    check_plan --only '4 hosts, 1 Gbit/s' >out 2>err 3>&- &
    job=$!
    for ((i = 0; i < 7200; i++)); do
        grep -qs 'round 1' err || ! kill -0 $job && break
        sleep 0.025
    done
    cat err
    grep -q 'round 1' err
    [ "$(rooms)" -gt 0 ]
    kill -TERM $job
    status=0
    wait $job || status=$?
    [ "$status" -eq 143 ] || [ "$status" -eq 130 ]
    nothing_left
}
