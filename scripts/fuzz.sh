#!/bin/bash
# Feed every reader of files with hostile ones (libFuzzer, tests/fuzz): fuzz.sh [SECONDS]
# Each target gets SECONDS (60), as many at a time as there are cores; with 0 only the files
# of tests/fuzz/corpus are tried. A crash, a leak, a hang, memory beyond the limits or
# undefined behaviour is a failure; what caused it is kept in build-fuzz/found. FUZZ is the
# folder of the programs, T a pattern of their names.
set -u
cd "$(dirname "$0")/.." || exit 1
seconds=${1-60}
programs=${FUZZ:-build-fuzz/fuzz}
found=$programs/../found
[[ $seconds =~ ^[0-9]+$ ]] || {
    echo "usage: fuzz.sh [SECONDS]" >&2
    exit 2
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
limits=(-timeout=25 -rss_limit_mb=2048 -malloc_limit_mb=1024 -close_fd_mask=3)

# target NAME: leaves word in NAME.ok or NAME.bad.
target() {
    local effort=(-max_total_time="$seconds")
    ((seconds)) || effort=(-runs=0)
    mkdir -p "$work/$1.new" "$work/$1.tmp" "$found"
    if TMPDIR=$work/$1.tmp "$programs/$1" "${limits[@]}" "${effort[@]}" \
        -artifact_prefix="$found/$1-" "$work/$1.new" "tests/fuzz/corpus/$1" \
        >"$work/$1.out" 2>&1; then
        : >"$work/$1.ok"
    else
        : >"$work/$1.bad"
    fi
}

tell() { # NAME
    local runs
    runs=$(sed -nE 's/^#([0-9]+)[[:space:]]+DONE.*/\1/p' "$work/$1.out" | tail -n 1)
    if [[ -e $work/$1.ok ]]; then
        ((passed++))
        printf 'fuzz %-31s %9d inputs\n' "$1" "${runs:-0}"
    else
        ((failed++))
        printf 'fuzz %-31s FAILED\n' "$1"
        grep -vE '^#|^INFO' "$work/$1.out" | tail -n 60 | sed 's/^/    /'
        printf '    to see it again: TMPDIR=/tmp %s %s-*\n' "$programs/$1" "$found/$1"
    fi
}

passed=0 failed=0 names=()
for source in tests/fuzz/fuzz_*.c; do
    name=${source##*/fuzz_}
    name=${name%.c}
    [[ $name =~ ${T-} ]] && names+=("$name")
done
for name in "${names[@]}"; do
    while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n; done
    target "$name" &
done
wait
for name in "${names[@]}"; do tell "$name"; done
rmdir "$found" 2>/dev/null
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0 && passed > 0))
