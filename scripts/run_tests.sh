#!/bin/bash
# Build and run the tests, one file after the other: run_tests.sh [SUITE...]
#   unit   tests/unit/*/test_*.c (cmocka)
#   asan   the same, under the address and undefined behaviour sanitizers
#   cli    tests/cli/*.bats
#   mpi    tests/mpi/*.bats
#   hosts  tests/hosts/*.bats: several hosts, as network namespaces (root)
#   slurm  tests/slurm/*.bats: on a SLURM of their own (root; `make test-slurm` installs it)
#   peers  tests/peers/*.bats (not by default)
# T=PATTERN runs only files whose path matches. The last line is the sum over everything;
# the exit status is 1 if anything failed or nothing ran.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
MODE=${MODE:-release}
BUILD=${BUILD:-build}
LOCKSTEP=$(realpath -m "$BUILD")/lockstep
source tests/env.sh

unit_limit=300 # seconds a file may take
bats_limit=900
suites=("$@")
if ((!$#)); then
    suites=(unit asan cli mpi hosts slurm)
    [[ $MODE == asan ]] && suites=(unit cli mpi hosts slurm)
fi
passed=0 failed=0 skipped=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# count STATUS <TAP: "passed failed skipped". What was planned and did not report failed.
count() {
    awk -v status="$1" '
        /^1\.\.[0-9]+/ { plan += substr($0, 4) }
        /^(not )?ok .*# *[Ss][Kk][Ii][Pp]/ { skipped++; next }
        /^ok / { passed++ }
        /^not ok / { bad++ }
        END {
            failed = plan - passed - skipped
            if (failed < bad) failed = bad
            if (failed <= 0) failed = status != 0 || plan == 0
            print passed + 0, failed, skipped + 0
        }'
}

how_it_ended() {
    case $1 in
    0) ;;
    124 | 137) echo "timed out" ;;
    126 | 127) echo "cannot be run" ;;
    129 | 1[3-9]?) echo "crashed: signal $(kill -l $(($1 - 128)))" ;;
    *) echo "exit status $1" ;;
    esac
}

# run LABEL LIMIT COMMAND...: one file of tests.
run() {
    local label=$1 limit=$2 status p f s start=$EPOCHREALTIME
    timeout -k 10 "$limit" "${@:3}" >"$work/out" 2>&1 </dev/null
    status=$?
    read -r p f s < <(count $status <"$work/out")
    printf '%-36s %4d passed' "$label" "$p"
    ((f)) && printf ', %d FAILED' "$f"
    ((s)) && printf ', %d skipped' "$s"
    awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "  %.1f s\n", b - a }'
    if ((f)); then
        {
            how_it_ended $status
            grep -vE '^(ok |1\.\.|not ok .*# SKIP)' "$work/out" | tail -n 200
        } | sed 's/^/    /'
    fi
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

declare -A tried
build() {
    [[ ${tried["$*"]-} ]] && return
    tried["$*"]=yes
    if ! make -k -s -j"$(nproc)" "$@" </dev/null; then
        echo "$suite: the build failed"
        ((failed++))
    fi
}

# files FILE...: those that exist and match T, into the array `files`.
files() {
    local file
    files=()
    for file; do
        [[ -f $file && $file =~ ${T-} ]] && files+=("$file")
    done
}

run_unit() { # SUITE BUILD MODE
    local names=() name
    files tests/unit/*/test_*.c
    ((${#files[@]})) || return
    names=("${files[@]#tests/unit/}")
    names=("${names[@]%.c}")
    build BUILD="$2" MODE="$3" "${names[@]/#/$2/tests/}"
    for name in "${names[@]}"; do
        CMOCKA_MESSAGE_OUTPUT=tap run "$1 $name" $unit_limit "$2/tests/$name"
    done
}

run_bats() { # SUITE
    local file
    files tests/"$1"/*.bats
    ((${#files[@]})) || return
    build BUILD="$BUILD" MODE="$MODE" all unit
    for file in "${files[@]}"; do
        run "$1 $(basename "$file" .bats)" $bats_limit bats --tap "$file"
    done
}

for suite in "${suites[@]}"; do
    case $suite in
    unit) run_unit unit "$BUILD" "$MODE" ;;
    asan) run_unit asan "$BUILD-asan" asan ;;
    cli | mpi | hosts | slurm | peers) run_bats "$suite" ;;
    *) echo "no suite '$suite': unit, asan, cli, mpi, hosts, slurm or peers" >&2 && exit 2 ;;
    esac
done

((passed + failed)) || echo "nothing ran: no test file matches '${T-}'"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
