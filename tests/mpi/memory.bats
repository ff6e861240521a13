#!/usr/bin/env bats
# The memory that ranks of a node share: where /dev/shm is small or full, where it is filled
# by others, and where the kernel gives no memory of another kind.

OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.steps=12 --set log.every=4)
NAMELESS=memfd_create:error=ENOSYS # memory that needs no /dev/shm

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 1500 70
    train 1 "$TINY" --run whole "${OPTIONS[@]}" >whole.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    FAULTY=()
}

# shm SIZE COMMAND...: with a /dev/shm of that size (or SIZE,ro), which others do not see.
shm() {
    unshare -m true 2>/dev/null || skip "cannot mount"
    # shellcheck disable=SC2016
    unshare -m bash -c 'mount -t tmpfs -o "size=$0" none /dev/shm && exec "$@"' "$@"
}

# train_on SIZE RANKS RUN OPTION...: with such a /dev/shm, under FAULTY.
train_on() {
    shm "$1" mpirun -n "$2" "${FAULTY[@]}" "$LOCKSTEP" train "$TINY" --data letters.h5 \
        --threads 1 --run "$3" "${OPTIONS[@]}" "${@:4}" >"$3.out" 2>"$3.err" </dev/null
}

@test "a /dev/shm of 16 KB is enough" {
    train_on 16k 3 small
    cat small.err
    same_run small.out whole.out
    grep -q '^data .*, in memory, ' small.out
    grep -q '^reduce  *shared' small.out
    run -1 grep -E '^(note: .*memory|lockstep: )' small.err
}

@test "ranks share files in /dev/shm where the kernel gives no other memory" {
    faults $NAMELESS
    train_on 20m 3 files
    same_run files.out whole.out
    grep -q INJECTED faults.strace
    grep -q '^data .*, in memory, ' files.out
    grep -q '^reduce  *shared' files.out
}

@test "without any memory to share the images are read from the file, sums are messages" {
    faults $NAMELESS
    for shm in 16k 16k,ro; do
        rm -rf none
        train_on $shm 3 none
        cat none.err
        same_run none.out whole.out
        grep -q '^data .*, on disk, ' none.out
        run -1 grep -q '^reduce  *shared' none.out
        why='No space left on device'
        [[ $shm != *ro ]] || why='Read-only file system'
        grep -q "^note: the images of 'letters.h5' (1.23 MB) do not fit into memory that the \
ranks of a node share: $why: reading them from the file batch by batch" none.err
    done
    grep -q "^note: the ranks of a node cannot share memory ($why): a rank that hangs will \
not be noticed" none.err
}

# The images fit once, not twice; the first run to reserve the room has it. Two mpirun that make
# Open MPI's folder in TMPDIR in the same instant can fail, so each has a TMPDIR.
@test "two runs that start at once in a small /dev/shm both end" {
    faults $NAMELESS
    # shellcheck disable=SC2016
    both='for run in one two; do
        mkdir tmp-$run
        TMPDIR=$PWD/tmp-$run "$@" --run $run >$run.out 2>$run.err </dev/null &
    done; wait'
    shm 2100k bash -c "$both" both mpirun -n 2 "${FAULTY[@]}" "$LOCKSTEP" train "$TINY" \
        --data letters.h5 --threads 1 "${OPTIONS[@]}"
    cat one.err two.err
    same_run one.out whole.out
    same_run two.out whole.out
}

# Open MPI's own memory is in /dev/shm, too. It reserves nothing, so it may be killed there.
@test "a /dev/shm that others fill while ranks start costs no more than one line" {
    # shellcheck disable=SC2016
    fill='"$@" & until compgen -G "/dev/shm/vader*" || ! kill -0 $!; do :; done
        cat /dev/zero >/dev/shm/filler; wait $!'
    status=0
    shm 9m bash -c "$fill" fill mpirun -n 2 "$LOCKSTEP" train "$TINY" --data letters.h5 \
        --threads 1 --run filled "${OPTIONS[@]}" >filled.out 2>filled.err </dev/null ||
        status=$?
    cat filled.err
    if ((status == 0)); then
        same_run filled.out whole.out
    else
        [ "$status" -eq 1 ]
        grep -q "^lockstep: /dev/shm is full: no room is left for '/dev/shm/vader" filled.err
    fi
    run -1 grep -E 'Bad address|Signal: Bus error' filled.err
}
