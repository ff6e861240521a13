#!/usr/bin/env bats
# What OpenMP's variables and the limit of the stack say about threads changes no bits, takes
# no threads away and ends no run; what cannot work is refused in one line.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 60 26
    short plain.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    unset OMP_WAIT_POLICY OPENBLAS_NUM_THREADS "${!SLURM_@}"
}

# short LOG [VARIABLE=VALUE...]: three steps of three threads that share a grain.
short() {
    env "${@:2}" "$LOCKSTEP" train "$LETTERS" --data letters.h5 --run "$1.run" --threads 3 \
        --tune=off --set train.steps=3 --set train.batch=16 </dev/null >"$1" 2>"$1.err"
}

# trains VARIABLE=VALUE...: as without it, and without a complaint.
trains() {
    echo "with $*"
    rm -rf with.out.run
    short with.out "$@"
    cat with.out.err
    same_state with.out plain.out
    same_text "$(grep '^parallel' plain.out)" "$(grep '^parallel' with.out)"
    [[ $(<with.out.err) != *[Ll]ibgomp* ]]
    [[ $(<with.out.err) != *bug* ]]
}

@test "variables that take threads away take none" {
    trains OMP_MAX_ACTIVE_LEVELS=0
    trains OMP_DYNAMIC=true OMP_NESTED=true
    trains OMP_NUM_THREADS=1,2,4
    trains OMP_NUM_THREADS=many
    trains OMP_THREAD_LIMIT=3
}

@test "variables that bind threads bind none" {
    trains OMP_PROC_BIND=true
    trains OMP_PROC_BIND=spread OMP_PLACES='{0}'
    trains GOMP_CPU_AFFINITY=0
    trains KMP_AFFINITY=compact KMP_BLOCKTIME=infinite
}

@test "variables for the stacks of threads do not count" {
    trains OMP_STACKSIZE=1
    trains OMP_STACKSIZE=16k
    trains GOMP_STACKSIZE=16
    trains OMP_STACKSIZE=4000G
}

@test "the ways to wait change no bits" {
    trains OMP_WAIT_POLICY=passive
    trains OMP_WAIT_POLICY=active
    trains GOMP_SPINCOUNT=0
    trains GOMP_SPINCOUNT=infinity
    for policy in passive active; do
        OMP_WAIT_POLICY=$policy train 2 "$LETTERS" --run "$policy.run" --tune=off \
            --set train.steps=3 --set train.batch=16 >"$policy.out"
        same_state "$policy.out" plain.out
    done
}

@test "OpenMP's threads spin briefly, unless the user chose how they wait" {
    shown() { # of the last start: where OpenBLAS needs help to know the CPU, it is the second
        env "$@" OMP_DISPLAY_ENV=verbose "$LOCKSTEP" --version 2>&1 |
            sed -n "s/.*GOMP_SPINCOUNT = '\(.*\)'/\1/p" | tail -n 1
    }
    brief=$(shown HOME=/)
    echo "turns <$brief>"
    ((brief >= 1 && brief < 300000))
    (($(shown GOMP_SPINCOUNT=1234567) == 1234567))
    (($(shown OMP_WAIT_POLICY=passive) == 0))
    # nothing in the environment can be replaced: the run is only slower
    env -i "$LOCKSTEP" --version
    env -i OMP_PLACES=cores OMP_PROC_BIND=true "$LOCKSTEP" --version
}

@test "commands without a check of their own keep to OMP_THREAD_LIMIT" {
    OMP_THREAD_LIMIT=1 "$LOCKSTEP" data synth --out limited.h5 --train 60 --test 26
    cmp limited.h5 letters.h5
    refused 2 'OpenMP starts 1 of 3 threads; unset OMP_THREAD_LIMIT and other variables OMP_*, or use --threads 1' \
        env OMP_THREAD_LIMIT=1 "$LOCKSTEP" data synth --out never.h5 --train 60 --test 26 \
        --threads 3
    [ ! -e never.h5 ]
}

@test "a small stack is made larger, or refused in one line" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "sanitizers need larger stacks"
    (ulimit -S -s 64 && trains HOME=/)
    (ulimit -s 1024 && trains HOME=/)
    refused 2 'the hard limit of the stack is below 512 KiB, too little to start; raise it (ulimit -H -s 8192)' \
        bash -c 'ulimit -s 64 && exec "$@"' limited "$LOCKSTEP" train "$LETTERS" \
        --data letters.h5 --run never
    [ ! -e never ]
}

@test "stacks without a limit, and huge ones, are no trouble" {
    for limit in unlimited 900000000; do
        (ulimit -S -s $limit) || continue # the hard limit is lower
        (ulimit -S -s $limit && trains HOME=/)
    done
}
