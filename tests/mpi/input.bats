#!/usr/bin/env bats
# Prefetching: threads read and augment batches ahead. No depth changes a bit; a slow reader
# is named; a failure ends the run at its step, in one line.

# 71 images in grains of 11 make 7 grains, the last of 5; 6,000 images do not fit into 4 MB,
# and make 85 steps an epoch, the last of 36 images.
OPTIONS=(--set train.batch=71 --set train.grain=11 --set log.every=7
    --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off
    --set train.eval_every=9 --set schedule.kind=constant)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 6000 40
    train 1 "$LETTERS" --run reference "${OPTIONS[@]}" --set train.steps=88 \
        --set data.prefetch=0 >reference.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# same NAME RANKS OPTION...: a run beyond the end of an epoch gives the reference's results.
same() {
    train "$2" "$LETTERS" --run "$1" "${OPTIONS[@]}" --set train.steps=88 "${@:3}" \
        >"$1.out" 2>"$1.err"
    same_run "$1.out" reference.out
    run -1 grep -q 'there is memory for' "$1.err"
}

@test "the reference augments" {
    grep -q ' augment.elastic=2' reference.out
    state reference.out
    train 1 "$LETTERS" --run plain "${OPTIONS[@]}" --set train.steps=88 \
        --set augment.elastic=0 >plain.out
    other_state plain.out reference.out
}

# DEPTH RANKS THREADS: each depth with two of the three numbers of ranks and of threads.
LAYOUTS=("0 1 2" "0 3 1" "1 1 3" "1 2 1" "2 2 2" "2 3 3" "3 1 1" "3 3 2" "8 1 3" "8 2 1")

@test "in memory, depths 0, 1, 2, 3, 8 on 1, 2, 3 ranks and threads give the same state" {
    for layout in "${LAYOUTS[@]}"; do
        read -r depth ranks threads <<<"$layout"
        same "memory-$depth-$ranks" "$ranks" --threads "$threads" --set "data.prefetch=$depth"
    done
}

@test "read by chunks, depths 0, 1, 2, 3, 8 on 1, 2, 3 ranks and threads give the same state" {
    for layout in "${LAYOUTS[@]}"; do
        read -r depth ranks threads <<<"$layout"
        ranks=$((ranks % 3 + 1)) # others than in memory
        same "chunks-$depth-$ranks" $ranks --threads "$threads" \
            --set "data.prefetch=$depth" --set data.memory=4
        grep -q '^data .* on disk,' "chunks-$depth-$ranks.out"
    done
}

@test "depth 2 on any number of threads, also sharing a grain, gives the same state" {
    for threads in 1 2 3; do
        same "threads-$threads" 1 --threads $threads --set data.prefetch=2
        same "auto-$threads" 2 --threads $threads --set data.memory=4
    done
    same channel 2 --threads 3 --set parallel.intra=channel --set data.prefetch=2
    same channel-chunks 1 --threads 2 --set parallel.intra=channel \
        --set data.prefetch=3 --set data.memory=4
}

@test "prefetching with more ranks than grains gives the same state" {
    same many 8 --set data.prefetch=2 --set data.memory=4
}

@test "a run stopped in mid-epoch and resumed at other depths gives the same state" {
    depths=(2 0 8 1)
    for i in 0 1 2 3; do
        train $((1 + i % 3)) "$LETTERS" --run resumed "${OPTIONS[@]}" --resume \
            --set train.steps=$((i == 3 ? 88 : 20 + 21 * i)) \
            --set data.prefetch=${depths[i]} --set data.memory=$((i % 2 ? 0 : 4)) \
            >resumed.out
    done
    grep -q '^resumed from .*: step 62 of 88$' resumed.out
    same_state resumed.out reference.out
}

# The signal arrives while the threads work.
@test "a signal ends a prefetching run in order, and the run can be resumed" {
    start 2 signalled "$LETTERS" "${OPTIONS[@]}" "${ENDLESS[@]}" \
        --set data.memory=4 --set data.prefetch=3
    until_lines signalled 3
    kill -TERM "${PIDS[0]}"
    ends_with 75 signalled
    ends_as_undisturbed 2 signalled "$LETTERS" "${OPTIONS[@]}" --threads 2 \
        --set data.prefetch=1
}

@test "a depth that needs too much memory is reduced, and a note says so" {
    train 1 "$LETTERS" --run little "${OPTIONS[@]}" --set train.steps=88 \
        --set data.prefetch=16 --set data.memory=1 >little.out 2>little.err
    grep -Eq '^note: data.prefetch = 16: there is memory for [1-3] batch(es)? ahead only; raise data.memory$' \
        little.err
    same_run little.out reference.out
}

@test "malformed depths are refused" {
    for depth in -1 17 many; do
        refused 2 "--set: 'prefetch = $depth': expected auto | 0 | 1 |*" train 1 "$LETTERS" \
            --run never --set data.prefetch=$depth
    done
    [ ! -e never ]
}

# --- slow and failing storage ---

# traced RANK RUN OPTION... -- OPTION...: two ranks, one of them (RANK) under strace with the
# first options.
traced() {
    local rank=$1 run=$2 tracer=()
    need_trace
    shift 2
    while [[ $1 != -- ]]; do tracer+=("$1") && shift; done
    local program=("$LOCKSTEP" train "$LETTERS" --data letters.h5 --threads 1
        --run "$run" "${OPTIONS[@]}" --set data.memory=4 "${@:2}")
    local tracing=(strace -D -f --seccomp-bpf -qq -o "$run.strace" "${tracer[@]}")
    local first=("${program[@]}") second=("${program[@]}")
    ((rank == 0)) && first=("${tracing[@]}" "${program[@]}")
    ((rank == 1)) && second=("${tracing[@]}" "${program[@]}")
    mpirun -n 1 "${first[@]}" : -n 1 "${second[@]}" >"$run.out" 2>"$run.err" \
        </dev/null 3>&- &
    JOB=$! PIDS=()
}

# Every read of the traced rank takes 10 ms; its share of a batch takes about 35 reads.
throttled=(-P letters.h5 -e trace=pread64 -e 'inject=pread64:delay_enter=10ms')

@test "a slow reader is named in the log and below the table, with its rank" {
    for depth in 2 0; do
        traced 1 "slow-$depth" "${throttled[@]}" -- --set train.steps=14 \
            --set data.prefetch=$depth
        ends_with 0 "slow-$depth"
        grep -Eq "^note: step 7: reading 'letters.h5' is slow: steps waited [0-9.]+ s of \
[0-9.]+ s for it, on rank 1; " "slow-$depth.err"
        [ "$(grep -c 'is slow' "slow-$depth.err")" -eq 1 ]
        grep -q "^note: step 7: reading 'letters.h5' is slow" "slow-$depth/log.txt"
        grep -Eq "^load wait: reading 'letters.h5' is slow: steps waited [0-9.]+ s of " \
            "slow-$depth.out"
        # the row names the slowest rank, which waits for most of the run
        awk '$1 == "load" && $2 == "wait" { rank = $5; wait = $6 }
            $1 == "total" && $3 ~ /100|99/ { all = $2 }
            END { print rank, wait, all; exit !(rank == 1 && wait > all / 2) }' \
            "slow-$depth.out"
    done
    same_state slow-2.out slow-0.out
}

@test "a file that is read fast enough is not called slow" {
    train 2 "$LETTERS" --run fast "${OPTIONS[@]}" --set train.steps=88 \
        --set data.memory=4 >fast.out 2>fast.err
    run -1 grep -q "is slow" fast.err
    grep -Eq '^  load wait ' fast.out
}

# One read hangs for two minutes; when strace is killed the read returns at once.
@test "the stall warning names a reader that hangs" {
    traced 1 hanging -P letters.h5 -e trace=pread64 \
        -e 'inject=pread64:delay_enter=120s:when=700' -- --set train.steps=1000000 \
        --set data.prefetch=2 --stall-timeout 8
    poll grep -Eq "rank 1 \(.*\) has been at step [0-9]+, load, waiting for the reader of \
'letters.h5', for [0-9]+ s" hanging.err
    ends_with 1 hanging
    grep -q "load, waiting for the reader of 'letters.h5'.*; ending the job" hanging.err
}

@test "a read error during the run ends all ranks with one line" {
    for depth in 3 0; do
        traced 1 "eio-$depth" -P letters.h5 -e trace=pread64 \
            -e 'inject=pread64:error=EIO:when=900+' -- --set train.steps=1000000 \
            --set data.prefetch=$depth
        ends_with 1 "eio-$depth"
        grep -q INJECTED "eio-$depth.strace"
        [ "$(grep -c "cannot read '/train/images' of 'letters.h5': Input/output error" \
            "eio-$depth.err")" -eq 1 ]
        [ "$(grep -c "cannot read" "eio-$depth.err")" -eq 1 ]
        grep -Eq '^\[rank 1 .*\] cannot read' "eio-$depth.err"
    done
}

@test "a file that is truncated while it is read ends all ranks" {
    cp letters.h5 cut.h5
    start 2 cut "$LETTERS" "${OPTIONS[@]}" --set train.steps=1000000 --data cut.h5 \
        --set data.memory=4
    until_lines cut 2
    truncate -s 2M cut.h5
    ends_with 1 cut
    grep -Eq "cannot read '/train/images' of 'cut.h5': the file has become shorter" \
        cut.err
}
