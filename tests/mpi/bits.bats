#!/usr/bin/env bats
# The same bits with any number of ranks and threads, any way of sharing the work, and after
# any stop and resume: weights, optimizer, averages (state=) and history.
# Core: part of `make test`.

# 71 is a prime: no number of ranks divides the batch of 7 grains. The last batch of an
# epoch, the 22nd, has 9 samples.
OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.clip=1 --set log.every=7
    --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 1500 70
    train 1 "$LETTERS" --run reference "${OPTIONS[@]}" --set train.steps=30 >reference.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# same RANKS RUN OPTION...: a run of 30 steps gives the results of the reference.
same() {
    train "$1" "$LETTERS" --run "$2" "${OPTIONS[@]}" --set train.steps=30 "${@:3}" >"$2.out"
    same_as reference "$2"
}

# same_as RUN RUN: the same state, the same log and the same metrics.
same_as() {
    same_run "$1.out" "$2.out"
    same_history "$1/metrics.h5" "$2/metrics.h5"
}

@test "the reference has a trace to compare" {
    state reference.out
    trace reference.out | grep -q '^eval step 22 '
    [ "$(trace reference.out | grep -cE '^ +(7|14|21|28|30) ')" -eq 5 ]
}

@test "1, 2, 3, 4, 5 and 7 ranks of one thread give the same state" {
    for ranks in 2 3 4 5 7; do
        same $ranks one-$ranks
    done
}

@test "1, 2, 3, 4, 5 and 7 ranks of two threads give the same state" {
    for ranks in 1 2 3 4 5 7; do
        same $ranks two-$ranks --threads 2
        grep -q "$ranks ranks\? x 2 threads" two-$ranks.out
    done
}

@test "threads that share whole grains or the channels of one give the same state" {
    same 2 batch --threads 2 --set parallel.intra=batch
    same 2 channel --threads 2 --set parallel.intra=channel
    same 5 few-grains --threads 3 --set parallel.intra=auto
    same 4 idle-threads --threads 3 --set parallel.intra=batch
}

@test "a data set that is read from the file gives the same state" {
    same 1 disk-1 --set data.memory=1
    grep -q '^data .* on disk,' disk-1.out
    grep -q '^data .* in memory,' reference.out
    same 3 disk-3 --threads 2 --set data.memory=1
}

@test "another seed, batch or grain gives another state" {
    short=("${OPTIONS[@]}" --set train.steps=3)
    train 1 "$LETTERS" --run short "${short[@]}" >short.out
    for other in train.seed=2 train.batch=70 train.grain=32; do
        name=${other//[^a-z0-9]/-}
        mapfile -t set < <(printf '%s\n' "${short[@]}" | sed "s/^${other%=*}=.*/$other/")
        [[ ${set[*]} == *"$other"* ]] || set+=(--set "$other")
        train 1 "$LETTERS" --run "$name" "${set[@]}" >"$name.out"
        other_state "$name.out" short.out
    done
}

@test "dropout does not depend on ranks and threads" {
    sed 's/^layer = linear classes/layer = dropout p=0.3\n&/' "$LETTERS" >dropout.conf
    grep -A 1 dropout dropout.conf
    few=("${OPTIONS[@]}" --set train.steps=9)
    train 1 dropout.conf --run dropout-1 "${few[@]}" >dropout-1.out
    train 1 "$LETTERS" --run dry "${few[@]}" >dry.out
    other_state dropout-1.out dry.out
    train 3 dropout.conf --run dropout-3 "${few[@]}" --threads 2 >dropout-3.out
    train 4 dropout.conf --run dropout-4 "${few[@]}" --threads 3 >dropout-4.out
    same_as dropout-1 dropout-3
    same_as dropout-1 dropout-4
}

# v2 has no fused multiply-adds.
@test "all instruction sets but v2 have one state, on all ranks and threads" {
    LOCKSTEP_ISA=none run --separate-stderr "$LOCKSTEP" show letters.h5
    [ "$status" -eq 2 ]
    [[ $stderr =~ "LOCKSTEP_ISA='none': this machine has "([a-z0-9, ]+)"; unset it" ]]
    for isa in ${BASH_REMATCH[1]//,/}; do
        export LOCKSTEP_ISA=$isa
        few=("${OPTIONS[@]}" --set train.steps=5)
        train 1 "$LETTERS" --run "$isa-1" "${few[@]}" >"$isa-1.out"
        grep -q "^cpu .* $isa kernels" "$isa-1.out"
        train 3 "$LETTERS" --run "$isa-3" "${few[@]}" --threads 2 >"$isa-3.out"
        same_as "$isa-1" "$isa-3"
        if [[ $isa == v2 ]]; then
            grep -q '^bits  *v2$' v2-1.out
            other_state v2-1.out plain-1.out
        else
            grep -q '^bits  *portable$' "$isa-1.out"
            same_as "$isa-1" plain-1
        fi
    done
}

# BLAS is the old way; tiles of 2 x 2 and none have states of their own.
@test "train.bits and train.winograd choose the bits, and the log says what they depend on" {
    net=("$ROOT/tests/mpi/graph.conf" --set train.steps=3 --set train.batch=40 --set train.grain=8)
    train 1 "${net[@]}" --run plain >plain.out
    train 1 "${net[@]}" --run blas --set train.bits=blas >blas.out
    grep -qE '^bits +(plain|v[2-4]), OpenBLAS ' blas.out
    other_state plain.out blas.out
    "$LOCKSTEP" show blas | grep -qE '^bits +(plain|v[2-4]), OpenBLAS '
    sed 's/^layer = conv 6 .*/layer = conv 32 kernel=3\nlayer = conv 32 kernel=3/' \
        "$ROOT/tests/mpi/graph.conf" >wide.conf
    for way in auto f2 off; do
        for n in 1 2; do
            train $n wide.conf "${net[@]:1}" --run "$way-$n" --set train.winograd="$way" >"$way-$n.out"
        done
        same_as "$way-1" "$way-2"
    done
    other_state auto-1.out f2-1.out
    other_state auto-1.out off-1.out
    other_state f2-1.out off-1.out
}

@test "a resume with other bits says so, one on another CPU with the same bits does not" {
    few=("${OPTIONS[@]}" --set train.steps=4)
    LOCKSTEP_ISA=plain train 1 "$TINY" --run part "${few[@]}" >part.out
    more=("${OPTIONS[@]}" --set train.steps=8 --resume)
    cp -r part other
    train 1 "$TINY" --run part "${more[@]}" >part-2.out 2>part-2.err
    run -1 grep 'the bits are those' part-2.err
    [ "$(uname -m)" = x86_64 ] || return 0
    LOCKSTEP_ISA=v2 train 1 "$TINY" --run other "${more[@]}" >other.out 2>other.err
    grep -q "^note: the bits are those of 'v2' now, and were those of 'portable': " other.err
    refused 2 "*cannot resume: *train.bits*" \
        train 1 "$TINY" --run part "${more[@]}" --set train.bits=blas
    refused 2 "*'bits = fast': expected portable | blas*" \
        train 1 "$TINY" --run new "${few[@]}" --set train.bits=fast
}

@test "a run stopped on 4 ranks, again on 3 and resumed on 2 gives the same state" {
    all=("${OPTIONS[@]}" "${ENDLESS[@]}" --resume)
    start 4 stopped "$LETTERS" "${all[@]}"
    until_lines stopped 1
    kill -USR1 $JOB
    ends_with 75 stopped
    grep -q 'stopped on request; the same command with --resume goes on' stopped.out
    grep -E '^stopped step [0-9]+ of ' stopped.out

    start 3 stopped "$LETTERS" "${all[@]}" --threads 2
    until_lines stopped 1
    kill -TERM "${PIDS[1]}"
    ends_with 75 stopped
    [ "$(grep -cE '^stopped step [0-9]+ of ' stopped/log.txt)" -eq 2 ]

    ends_as_undisturbed 2 stopped "$LETTERS" "${OPTIONS[@]}"
    same_trace calm.out stopped/log.txt
}
