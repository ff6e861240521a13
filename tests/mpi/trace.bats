#!/usr/bin/env bats
# --trace: what every thread of every rank did, and when.
# Alone: it looks at the clock.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 100
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    SHORT=(--set train.steps=20 --set train.batch=128 --set augment.shift=2)
}

check_trace() {
    /usr/bin/python3 "$ROOT/tests/trace.py" "$@" >checked || return
    cat checked
}

@test "in a trace of two ranks spans nest, steps are covered and layers are named" {
    train 2 "$LETTERS" "${SHORT[@]}" --run two --trace two.json >two.out
    grep -qE '^trace: two.json \([0-9.]+ [kM]B\)' two.out
    check_trace two.json 2
    for category in step load forward 'forward layer' backward 'backward layer' reduce \
        update evaluate write; do
        grep -q "^categories:.* $category" checked
    done
    for rank in 0 1; do # buckets' sums go on beside
        grep -q "\"ph\":\"b\",\"name\":\"sum over ranks\",.*\"pid\":$rank,.*\"bytes\":" two.json
    done
    for layer in conv1 conv3 linear1 logsoftmax1; do
        grep -q "\"name\":\"$layer\",\"cat\":\"forward layer\",\"pid\":1" two.json
        grep -q "\"name\":\"$layer\",\"cat\":\"backward layer\",\"pid\":0" two.json
    done
}

# Evaluations fold norms into networks of their own, which are gone when the trace is written.
@test "the layers of a network with norms have their names in evaluations, too" {
    "$LOCKSTEP" models resnet20 >resnet20.conf
    train 2 resnet20.conf --set train.steps=3 --set train.batch=40 --set train.eval_every=1 \
        --run norms --trace norms.json >norms.out
    check_trace norms.json 2
    sed -nE 's/.*"name":"([^"]*)","cat":"(for|back)ward layer".*/\1/p' norms.json | tr + '\n' |
        sort -u >named
    train 1 resnet20.conf --check | awk '/^  layer /,/^  total/ { print $1 }' | sort >layers
    [ "$(wc -l <named)" -gt 40 ]
    [ -z "$(comm -23 named layers)" ]
}

@test "the trace names how long ranks without a grain wait" {
    train 3 "$LETTERS" "${SHORT[@]}" --set train.batch=64 --run idle --trace idle.json >idle.out
    check_trace idle.json 3
    refused 2 "cannot write a file whose name is ''" train 1 "$TINY" --run never --trace ""
    [ ! -e never ]
}

@test "threads, reader and augmenting thread have lanes of their own in the trace" {
    train 1 "$LETTERS" "${SHORT[@]}" --run threads --trace threads.json --threads 2 \
        --set data.prefetch=3 >/dev/null
    # where other work is on the CPUs, a second thread begins on that of the first, which then
    # waits without a name before its first grain
    check_trace threads.json 1 0.6
    for lane in 'thread 0' 'thread 1' augment checkpoint; do
        grep -q "\"name\":\"thread_name\",.*\"name\":\"$lane\"" threads.json
    done
}

@test "a trace changes no bit, and a stopped run writes its trace" {
    train 1 "$LETTERS" "${SHORT[@]}" --run plain >plain.out
    train 2 "$LETTERS" "${SHORT[@]}" --run two --trace two.json >two.out
    same_state plain.out two.out
    status=0
    train 1 "$LETTERS" "${SHORT[@]}" --set train.steps=100000 --run stopped --max-time 0:10 \
        --trace stopped.json >stopped.out || status=$?
    [ "$status" -eq 75 ]
    check_trace stopped.json 1
}

@test "a trace that cannot be written is refused before the run" {
    refused 1 "cannot write 'none/trace.json': No such file or directory" \
        train 1 "$TINY" --run never --trace none/trace.json
    [ ! -e never ]
}

@test "--trace replaces no file of another kind" {
    cp letters.h5 mine.h5
    refused 2 "'mine.h5' cannot be written: it is a data set, not a trace, and is not \
replaced" train 1 "$TINY" --run never --trace mine.h5
    refused 2 "'letters.h5' cannot be written: it is what is read" \
        train 1 "$TINY" --run never --trace letters.h5
    [ ! -e never ]
    cmp letters.h5 mine.h5
}

@test "a trace in place of what the run itself writes is refused before the run" {
    mkdir run
    for name in metrics.h5 log.txt; do
        refused 2 "the trace cannot be 'run/$name': the run writes that itself" \
            train 1 "$TINY" --run run --trace run/$name
        [ -z "$(ls run)" ]
    done
}
