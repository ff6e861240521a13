#!/bin/bash
# A long run must not grow: soak.sh [EPOCHS] trains that many short epochs (1000), each
# with an evaluation and checkpoints, on two ranks, and samples both after every tenth epoch.
# After a warm-up of a fifth of the epochs, open files, threads and the bytes of the log per
# epoch must be constant. Memory may grow by the run's history only: three copies of 72 bytes
# per epoch, and the confusion matrices of the newest evaluations, at most one megabyte,
# which 387 of them take.
set -u
cd "$(dirname "$0")/.." || exit 1
source tests/env.sh

epochs=${1:-1000}
[[ $epochs =~ ^[1-9][0-9]+$ ]] && ((epochs >= 50)) || {
    echo "usage: soak.sh [EPOCHS], 50 at least" >&2
    exit 2
}
limit=300 # seconds without a new line in the log
# kB by which a rank may grow; in less than 387 epochs also two copies of the matrices
memory=$((epochs < 500 ? 4096 : 1024))
work=$(mktemp -d) || exit 1
job='' ranks=()

clean_up() {
    kill -KILL $job "${ranks[@]}" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

die() {
    echo "soak: $*" >&2
    tail -n 5 "$work/err" >&2
    exit 1
}

# An epoch has two steps, one line, an evaluation and its checkpoints.
start() {
    local data=$work/letters.h5
    "$LOCKSTEP" data synth --out "$data" --train 60 --test 52 >/dev/null || exit 1
    mkdir "$work/run"
    touch "$work/run/log.txt"
    mpirun -n 2 "$LOCKSTEP" train configs/tiny.conf --data "$data" --threads 1 \
        --run "$work/run" --resume --set "train.epochs=$epochs" --set train.batch=30 \
        --set train.ema=0.9 --set log.every=2 >"$work/out" 2>"$work/err" </dev/null &
    job=$!
    exec {log}< <(exec tail -n +1 -F --pid=$$ "$work/run/log.txt" 2>/dev/null)
}

# sample EPOCH: prints for each rank: epoch, rank, kB of private memory, open files, threads.
sample() {
    local r anon threads open
    ((${#ranks[@]})) || mapfile -t ranks < <(pgrep -P $job)
    for r in "${!ranks[@]}"; do
        anon=$(awk '/^RssAnon/ { print $2 }' "/proc/${ranks[r]}/status")
        threads=$(awk '/^Threads/ { print $2 }' "/proc/${ranks[r]}/status")
        open=("/proc/${ranks[r]}/fd/"*)
        echo "$1 $r $anon ${#open[@]} $threads"
    done >>"$work/samples"
}

watch() {
    local line epoch
    while read -r -t $limit -u "$log" line; do
        [[ $line == 'finished '* ]] && return
        [[ $line =~ ^eval\ step\ [0-9]+\ epoch\ ([0-9]+) ]] || continue
        epoch=${BASH_REMATCH[1]}
        ((epoch % 10 || epoch >= epochs)) || sample "$epoch"
    done
    die "nothing new in the log for $limit s"
}

# Compares the maximum of the tenth after the warm-up with that of the last tenth.
judge() {
    sort -n "$work/samples" | awk -v epochs="$epochs" -v memory="$memory" '
        NR == FNR {
            bytes += length($0) + 1
            if (/^eval step/)
                log_at[int($5)] = bytes
            next
        }
        function most(r, c, from, to,    i, value) {
            for (i = from; i <= to; i++)
                if ((i, r, c) in at && at[i, r, c] > value)
                    value = at[i, r, c]
            return value
        }
        function show(what, old, new, allowed,    bad) {
            bad = new - old > allowed || !old
            printf "  %-32s %8d %8d %+6d  %s\n", what, old, new, new - old,
                bad ? "FAILED: at most +" allowed : "passed"
            bad ? failed++ : passed++
        }
        function compare(what, r, c, allowed) {
            show(what ", rank " r, most(r, c, early, middle), most(r, c, late, epochs),
                allowed)
        }
        { for (c = 3; c <= 5; c++) at[$1, $2, c] = $c; last = $1 }
        END {
            early = int(0.02 * epochs) * 10; middle = early + int(0.01 * epochs) * 10
            late = int(0.09 * epochs) * 10
            printf "  %-32s %8s %8s %6s\n", "", "at " middle, "at " last, "growth"
            for (r = 0; r < 2; r++) {
                compare("memory (RssAnon), kB", r, 3, memory)
                compare("open files", r, 4, 2) # one is written now and then
                compare("threads", r, 5, 0)
            }
            old = (log_at[middle] - log_at[10]) / (middle - 10)
            new = (log_at[last] - log_at[middle]) / (last - middle)
            show("bytes of log an epoch", old, new, 3) # numbers grow
            printf "%d passed, %d failed, 0 skipped\n", passed, failed
            exit failed > 0
        }' "$work/run/log.txt" -
}

start
watch
wait $job || die "the run failed"
judge
