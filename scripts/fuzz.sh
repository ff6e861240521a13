#!/bin/bash
# Give hostile files to every reader: clang's libFuzzer over tests/fuzz, under the address and
# undefined behaviour sanitizers, with leak detection.
#   fuzz.sh          the stored inputs, then new ones for SECONDS_EACH seconds (60) per target
#   fuzz.sh replay   the stored inputs only: takes seconds
# One target runs on each core. T=PATTERN picks targets by name. The last line is the sum: one
# test for each stored input and one for each target; the exit status is 1 if anything
# failed. New inputs go to BUILD-fuzz/found/TARGET, where the next call starts from; inputs
# that break something go to BUILD-fuzz/broken/TARGET, and belong into
# tests/fuzz/corpus/TARGET once the bug is fixed.
#
# HDF5 1.10.8 has bugs of its own on hostile files, which cannot be fixed here; for that
# reason lockstep has another process try files first (include/io/h5probe.h). If the
# innermost frame of a report is in HDF5, the report is counted, its input kept in
# BUILD-fuzz/hdf5/TARGET, and the target goes on. Seen so far, with every checksum forged:
#   reading past the end of a message: attribute names and values (H5O__attr_decode)
#   NULL as the address of a block of a heap (H5HF_op), in a damaged index of attributes
#   up to 4 GB for a missing object header (H5C_protect), allocated but not touched
#   dividing by 0, reading past a node and much memory for the tree of a group with many members
#   (H5B2__hdr_init, H5B2__protect_leaf)
# Not seen any more, because lockstep no longer calls it: variable-length texts (H5HG_read
# writes past the end of its buffer, or loops), buffered metadata (H5F__accum_read reads
# anywhere in memory). Nor when a group is listed (H5G__link_release_table frees unset pointers):
# src/io/h5walk.c reads the links before.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
BUILD=${BUILD:-build}-fuzz
SECONDS_EACH=${SECONDS_EACH:-60}
corpus=tests/fuzz/corpus
mode=${1-fuzz}
[[ $mode == fuzz || $mode == replay ]] || {
    echo "unknown argument '$mode': nothing, or replay" >&2
    exit 2
}
[[ $SECONDS_EACH =~ ^[0-9]+$ ]] || {
    echo "SECONDS_EACH='$SECONDS_EACH' is not a number of seconds" >&2
    exit 2
}

# Megabytes for one allocation. A stream unpacks to at most a thousand times its size; an image
# takes up to eight bytes per pixel and may have 64 million pixels. What is read of named arrays
# is limited by their fuzzing programs.
declare -A memory=([config]=16 [csv]=120 [idx]=120 [png]=300 [dataset]=64 [checkpoint]=64
    [jpeg]=300 [webp]=300 [tiff]=700)
options=(-max_len=50000 -timeout=60 -rss_limit_mb=2000 -close_fd_mask=3 -print_final_stats=1)
export ASAN_OPTIONS=fast_unwind_on_malloc=1:quarantine_size_mb=16:allocator_may_return_null=1:max_allocation_size_mb=1000

work=$(mktemp -d -p "$([[ -w /dev/shm ]] && echo /dev/shm || echo /tmp)") || exit 1
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

targets=()
for file in tests/fuzz/fuzz_*.c; do
    name=$(basename "$file" .c)
    [[ ${name#fuzz_} =~ ${T-} ]] && targets+=("${name#fuzz_}")
done
((${#targets[@]})) || {
    echo "no target matches '${T-}'" >&2
    exit 2
}

# in_hdf5 <LOG: whether the first failure is HDF5's own, by the innermost frame of HDF5 or
# lockstep; frames of the sanitizers, of libc and of the function that reads for HDF5 do not
# count. A failure while HDF5 fills an array of its caller is the caller's.
in_hdf5() {
    awk '
        /^ *#[0-9]+ / && !ended { seen = 1 }
        !/^ *#[0-9]+ / && seen { ended = 1 }
        /^ *#[0-9]+ / && !ended {
            if (/ in (H5Dread|H5Aread) /) array = 1
            if (owner || / in driver_read /) next
            if (/libhdf5/) owner = "hdf5"
            if (/\/(src|tests\/fuzz)\/[^ ]*\.[ch]:[0-9]/) owner = "lockstep"
        }
        END { exit !(owner == "hdf5" && !array) }'
}

# run_fuzzer TARGET LOG OPTION...: returns its exit status. It runs in the background and is
# waited for, so that a signal to this script ends it.
run_fuzzer() {
    local target=$1 log=$2
    mkdir -p "$work/$target"
    TMPDIR=$work/$target "$BUILD/fuzz/$target" "${options[@]}" \
        -malloc_limit_mb="${memory[$target]:-64}" "${@:3}" >"$log" 2>&1 </dev/null &
    wait $!
}

# fuzz TARGET: until the time is over; writes "INPUTS CRASHES_OF_HDF5" to TARGET.result.
fuzz() {
    local target=$1 log=$work/$1.log found=$BUILD/found/$1 hdf5=$BUILD/hdf5/$1
    local end=$((SECONDS + SECONDS_EACH)) inputs=0 crashes=0 left artifact n
    mkdir -p "$found" "$hdf5" "$BUILD/broken/$target"
    while ((left = end - SECONDS, left > 0)); do
        rm -rf "$work/$target.broken" && mkdir "$work/$target.broken"
        run_fuzzer "$target" "$log" -max_total_time=$left \
            -artifact_prefix="$work/$target.broken/" "$found" "$corpus/$target"
        local status=$?
        n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        ((inputs += ${n:-0}))
        ((status == 0)) && continue
        artifact=("$work/$target.broken"/*)
        if ! in_hdf5 <"$log"; then
            cp "${artifact[@]}" "$BUILD/broken/$target/"
            echo "$inputs $crashes" >"$work/$target.result"
            return 1
        fi
        ((crashes++))
        cp "${artifact[@]}" "$hdf5/"
    done
    echo "$inputs $crashes" >"$work/$target.result"
}

# replay TARGET: all inputs at once; if that fails one by one, to find the failing ones.
replay() {
    local target=$1 log=$work/$1.log file files=("$corpus/$1"/*) bad=0
    if ! run_fuzzer "$target" "$log" "${files[@]}"; then
        : >"$work/$target.all"
        for file in "${files[@]}"; do
            run_fuzzer "$target" "$log" "$file" && continue
            ((bad++))
            { echo "broken by '$file':" && report <"$log"; } >>"$work/$target.all"
        done
        mv "$work/$target.all" "$log"
    fi
    echo "${#files[@]} $bad" >"$work/$target.result"
    ((bad == 0))
}

# report <LOG: prints the important lines of a failure.
report() {
    grep -nE 'ERROR|SUMMARY|runtime error|^expected|^exit code|^lockstep: bug|^ *#[0-9]+ ' |
        grep -vE 'fuzzer::|__sanitizer|__asan' | cut -d: -f2- | head -n 40
}

if ! make -s -j"$(nproc)" MODE=fuzz BUILD="$BUILD" fuzzers </dev/null; then
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
# in_parallel MODE: runs every target, as many at a time as there are cores.
in_parallel() {
    local target
    for target in "${targets[@]}"; do
        while (($(jobs -pr | wc -l) >= $(nproc))); do
            wait -n
        done
        {
            trap 'kill $(jobs -p) 2>/dev/null; exit 143' TERM
            begin=$EPOCHREALTIME status=0
            "$1" "$target" || status=$?
            awk -v a="$begin" -v b="$EPOCHREALTIME" -v s=$status \
                'BEGIN { printf "%d %.1f\n", s, b - a }' >"$work/$target.status"
        } &
    done
    wait
}

report_replay() { # TARGET STATUS SECONDS INPUTS BROKEN
    ((passed += $4 - $5, failed += $5))
    printf '%-36s %4d passed' "corpus $1" $(($4 - $5))
    (($5)) && printf ', %d FAILED' "$5"
    printf '  %s s\n' "$3"
    (($2)) && sed 's/^/    /' "$work/$1.log"
}

report_fuzz() { # TARGET STATUS SECONDS INPUTS FAULTS
    if (($2)); then
        ((failed++))
        printf '%-36s      FAILED' "fuzz $1"
    else
        ((passed++))
        printf '%-36s    1 passed' "fuzz $1"
    fi
    printf '  %s s, %d inputs' "$3" "$4"
    (($5)) && printf ', %d faults of HDF5 itself' "$5"
    echo
    (($2)) && { report <"$work/$1.log" && echo "input in $BUILD/broken/$1"; } | sed 's/^/    /'
}

passed=0 failed=0
modes=(replay)
[[ $mode == fuzz ]] && modes+=(fuzz)
for mode in "${modes[@]}"; do
    in_parallel "$mode"
    for target in "${targets[@]}"; do
        read -r status seconds <"$work/$target.status"
        read -r inputs other <"$work/$target.result"
        "report_$mode" "$target" "$status" "$seconds" "$inputs" "$other"
    done
done
echo "$passed passed, $failed failed, 0 skipped"
((failed == 0 && passed > 0))
