#!/usr/bin/env bats
# Every algorithm, also in two levels inside and between hosts, sums over several hosts to the
# bits of the sequential tree.

# The last batch of an epoch has 3 images; the ninth step begins the second epoch.
ROOM=(3) IMAGES=500
OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.steps=10 --set log.every=3
    --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off)
source "$BATS_TEST_DIRNAME/fixture.sh"

# sums_on HOSTS OPTION...: the unit tests of sums, for 1 to 20 grains.
sums_on() {
    CMOCKA_MESSAGE_OUTPUT=tap mpirun_on "$@" "$LOCKSTEP_BUILD/tests/comm/test_tree_sum" >out 2>&1
    cat out
    run -1 grep -q '^not ok' out
    grep -q '^ok .*test_tree_vectors' out
}

@test "sums over two hosts of two ranks are right" { sums_on n1:2,n2:2; }
@test "sums over hosts of 3 and 1 ranks are right" { sums_on n1:3,n2:1; }
@test "sums over hosts of 1, 2 and 2 ranks are right" { sums_on n1:1,n2:2,n3:2; }
@test "sums over three hosts of one rank are right" { sums_on n1:1,n2:1,n3:1; }

@test "sums are right when ranks are placed on the hosts in turns" {
    sums_on n1:2,n2:2 --map-by node
    sums_on n1:2,n2:1,n3:2 --map-by node
    mpirun_on n1:2,n2:2 --map-by node "$LOCKSTEP" bench reduce --bytes 4096,262144 --repeats 2 >out
    cat out
    [ "$(grep -Ec ' 4 +(4096|262144) +levels ' out)" -eq 2 ]
}

# same HOSTS ALGORITHM: training there gives the results of one host.
same() {
    train_on "$1" "by-$2" --set parallel.reduce="$2"
    as_one_host "by-$2"
    rm -r "by-$2" "by-$2.out"
}

@test "training over hosts gives the same state with every algorithm" {
    same n1:2,n2:2 auto
    for algorithm in auto levels levels-halving levels-doubling slices halving doubling; do
        same n1:2,n2:1,n3:2 $algorithm
    done
}

# steps ALGORITHM STEPS: trains so many steps; prints the bytes that left host n1 meanwhile.
steps() {
    local before after count=/proc/self/net/dev
    before=$(on n1 awk '/eth0:/ { print $10 }' $count)
    train_on n1:2,n2:2 "$1-$2" --set parallel.reduce="$1" --set train.batch=64 \
        --set train.grain=16 --set train.steps="$2"
    after=$(on n1 awk '/eth0:/ { print $10 }' $count)
    echo $((after - before))
}

# Two hosts of two ranks, whose shares are nodes of the tree. With a named algorithm the link
# is not measured, so that only the steps send much.
@test "every algorithm sends as many bytes as its cost says, to the same state" {
    train 1 "$LETTERS" --run even "${OPTIONS[@]}" --set train.batch=64 --set train.grain=16 \
        --set train.steps=25 >even.out
    for expected in "levels 1" "levels-halving 1" "levels-doubling 1" "halving 1" "slices 2" \
        "doubling 2"; do
        read -r algorithm vectors <<<"$expected"
        few=$(steps "$algorithm" 5)
        many=$(steps "$algorithm" 25)
        parameters=$(awk '$1 == "total" && NF == 4 { print $3 }' "$algorithm-5.out")
        echo "$algorithm: $(((many - few) / 20)) bytes a step, $parameters parameters"
        awk -v sent=$(((many - few) / 20)) -v wanted=$((4 * vectors * parameters)) \
            'BEGIN { exit !(wanted > 0 && sent > 0.95 * wanted && sent < 1.1 * wanted) }'
        awk -v few="$few" -v wanted=$((4 * vectors * parameters * 5)) \
            'BEGIN { exit few > 1.5 * wanted }'
        same_state even.out "$algorithm-25.out"
    done
}

# Without nameless memory of the kernel, ranks share files in /dev/shm.
@test "a host without room in shared memory sums by messages" {
    faults memfd_create:error=ENOSYS
    on n3 mount -o remount,size=32m /dev/shm
    mpirun_on n3:2 "${FAULTY[@]}" "$LOCKSTEP" bench reduce --bytes 4096,33554432,4096 --repeats 2 >out
    on n3 mount -o remount,size=1g /dev/shm
    cat out
    [ "$(grep -Ec ' 2 +4096 +shared .* chosen$' out)" -eq 2 ]
    run -1 grep -Eq ' 33554432 +shared ' out
    grep -Eq ' 33554432 +(slices|halving|doubling) .* chosen$' out
}

# Each stage alone would get the shared memory that it asks for.
@test "several stages together take no more shared memory than exists" {
    { echo "[model]" && echo "layer = flatten" && yes "layer = linear 512" | head -n 6 &&
        printf 'layer = %s\n' "linear classes" logsoftmax; } >wide.conf
    stages="linear1+linear2 | linear3+linear4 | linear5+linear6+linear7"
    faults memfd_create:error=ENOSYS
    on n3 mount -o remount,size=105m /dev/shm
    status=0
    mpirun_on n3:6 "${FAULTY[@]}" "$LOCKSTEP" train wide.conf --data letters.h5 --threads 1 --tune=off \
        --run wide "${OPTIONS[@]}" --set train.grain=4 --set train.steps=2 \
        --set parallel.pipeline=3 --set "parallel.stages=$stages" >wide.out 2>&1 || status=$?
    on n3 mount -o remount,size=1g /dev/shm
    cat wide.out
    [ "$status" -eq 0 ]
}

# The buffers of messages and the copies to be written count as well.
@test "a network for which --check finds the memory sufficient can be trained with it" {
    { echo "[model]" && echo "layer = flatten" && yes "layer = linear 1024" | head -n 6 &&
        printf 'layer = %s\n' "linear classes" logsoftmax; } >large.conf
    export OMP_NUM_THREADS=2 # OpenBLAS takes 128 MiB for each
    limited() { # KB OPTION...
        # shellcheck disable=SC2016
        mpirun_on n1,n2 -x OMP_NUM_THREADS bash -c 'ulimit -d "$0" && exec "$@"' "$1" \
            "$LOCKSTEP" train large.conf --data letters.h5 --threads 1 --tune=off \
            --run large "${OPTIONS[@]}" --set train.batch=128 --set train.grain=16 \
            --set train.steps=3 "${@:2}" >large.out 2>&1
    }
    low=400000 high=1500000
    while ((high - low > 8000)); do
        middle=$(((low + high) / 2))
        if limited $middle --check; then high=$middle; else low=$middle; fi
    done
    echo "from $high KB on"
    ((low > 400000 && high < 1500000))
    limited $high || cat large.out
    grep -q '^finished step 3 of 3' large.out
}

@test "bench reduce over hosts measures levels but not shared memory" {
    mpirun_on n1:2,n2:2 "$LOCKSTEP" bench reduce --bytes 4096,262144 --repeats 2 >out
    cat out
    [ "$(grep -Ec ' 4 +(4096|262144) +levels ' out)" -eq 2 ]
    run -1 grep -q ' shared ' out
    [ "$(grep -c 'chosen$' out)" -eq 2 ]
}
