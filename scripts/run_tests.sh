#!/bin/bash
# Build and run the tests: run_tests.sh [SUITE...]
#   core   (the default) unit, and the bats files that say '# Core:' in their head
#   all    every suite below but web and peers
#   unit   tests/unit/*/test_*.c (cmocka)
#   asan   the same, under the address and undefined behaviour sanitizers
#   cli    tests/cli/*.bats
#   mpi    tests/mpi/*.bats
#   hosts  tests/hosts/*.bats: several hosts, as network namespaces (root)
#   slurm  tests/slurm/*.bats: on a SLURM of their own (root; `make test-slurm` installs it)
#   web    tests/web/*.bats: pages in a browser (`make test-web` installs it)
#   peers  tests/peers/*.bats: comparison with PyTorch (`make test-peers` installs it)
# Two files run at a time, because many of them mostly wait: one worker takes files from the
# front of the list, the other from the back. Files that say '# Alone:' run one by one at
# the end. T=PATTERN runs only files whose path matches. The last line is the sum of all
# files; the exit status is 1 if anything failed or nothing ran.
set -u
cd "$(dirname "$0")/.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
MODE=${MODE:-release}
BUILD=${BUILD:-build}
LOCKSTEP=$(realpath -m "$BUILD")/lockstep
source tests/env.sh

unit_limit=900 # seconds that a file may take; a busy machine needs hundreds for some
bats_limit=900
peers_limit=3600 # deep networks in double precision, in PyTorch
declare -A build_of=([unit]=$BUILD [asan]=$BUILD-asan) mode_of=([unit]=$MODE [asan]=asan)
queue=() alone=() # SUITE FILE
failed=0 # builds
work=$(mktemp -d) || exit 1
trap 'kill $(jobs -p) 2>/dev/null; wait; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# count STATUS <TAP: prints "passed failed skipped". Planned tests without a result failed.
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

# run LABEL LIMIT COMMAND...: one file of tests. It runs in the background and is waited for,
# so that a signal to this script ends it; `env` undoes that background jobs ignore INT.
run() {
    local label=$1 limit=$2 out=$work/out.$BASHPID status p f s start=$EPOCHREALTIME
    env --default-signal=INT,QUIT timeout -k 10 "$limit" "${@:3}" >"$out" 2>&1 </dev/null &
    wait $!
    status=$?
    read -r p f s < <(count $status <"$out")
    {
        flock 9 # the lines about one file stay together
        echo "$p $f $s $label" >>"$work/sums"
        report_file
    } 9>"$work/lock"
}

# report_file: prints what `run` found.
report_file() {
    printf '%-36s %4d passed' "$label" "$p"
    ((f)) && printf ', %d FAILED' "$f"
    ((s)) && printf ', %d skipped' "$s"
    awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "  %.1f s\n", b - a }'
    ((f)) || return 0
    {
        how_it_ended $status
        grep -vE '^(ok |1\.\.|not ok .*# SKIP)' "$out" | tail -n 200
    } | sed 's/^/    /'
}

# name SUITE FILE: sets `name`, the path without the folder of its suite.
name() {
    name=${2#tests/*/} name=${name%.*}
}

run_file() { # SUITE FILE
    local name
    name "$@"
    case $1 in
    unit | asan)
        CMOCKA_MESSAGE_OUTPUT=tap run "$1 $name" $unit_limit "${build_of[$1]}/tests/$name"
        ;;
    peers) run "$1 $name" $peers_limit bats --tap "$2" ;;
    *) run "$1 $name" $bats_limit bats --tap "$2" ;;
    esac
}

# start SUITE FILE: run_file in the background.
start() {
    {
        trap - EXIT
        trap 'kill $(jobs -p) 2>/dev/null; wait; exit 143' TERM
        run_file "$@"
    } &
}

run_queue() {
    local first=0 last=$((${#queue[@]} - 1)) front='' back=''
    while :; do
        # shellcheck disable=SC2086 # two words
        [[ ! $front ]] && ((first <= last)) && start ${queue[first++]} && front=$!
        # shellcheck disable=SC2086
        [[ ! $back ]] && ((first <= last && $(nproc) > 1)) && start ${queue[last--]} &&
            back=$!
        [[ $front$back ]] || break
        wait -n
        kill -0 "$front" 2>/dev/null || front=''
        kill -0 "$back" 2>/dev/null || back=''
    done
}

run_alone() {
    local file
    for file in "${alone[@]}"; do
        # shellcheck disable=SC2086 # two words
        start $file
        wait $!
    done
}

# Files whose worker was killed before it reported.
report_missing() {
    local file name
    for file in "${queue[@]}" "${alone[@]}"; do
        # shellcheck disable=SC2086 # two words
        name $file
        grep -q " ${file%% *} $name\$" "$work/sums" && continue
        echo "${file%% *} $name: killed"
        ((failed++))
    done
}

declare -A tried
build() {
    [[ ${tried["$*"]-} ]] && return
    tried["$*"]=yes
    if ! make -k -s -j"$(nproc)" "$@" </dev/null; then
        echo "the build failed: make $*"
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

add_unit() { # SUITE
    local names
    files tests/unit/*/test_*.c
    ((${#files[@]})) || return
    names=("${files[@]#tests/unit/}")
    names=("${names[@]%.c}")
    build BUILD="${build_of[$1]}" MODE="${mode_of[$1]}" \
        "${names[@]/#/${build_of[$1]}/tests/}"
    queue+=("${files[@]/#/$1 }")
}

add_bats() { # FILE...
    local file suite
    files "$@"
    ((${#files[@]})) || return
    build BUILD="$BUILD" MODE="$MODE" all unit
    for file in "${files[@]}"; do
        suite=${file#tests/} suite=${suite%%/*}
        if grep -q '^# Alone:' "$file"; then
            alone+=("$suite $file")
        else
            queue+=("$suite $file")
        fi
    done
}

add_suite() { # SUITE
    local core suite
    case $1 in
    core)
        mapfile -t core < <(grep -l '^# Core:' tests/*/*.bats)
        add_unit unit
        add_bats "${core[@]}"
        ;;
    all)
        for suite in unit asan cli mpi hosts slurm; do
            [[ $suite == asan && $MODE == asan ]] || add_suite $suite
        done
        ;;
    unit | asan) add_unit "$1" ;;
    cli | mpi | hosts | slurm | web | peers) add_bats tests/"$1"/*.bats ;;
    *)
        echo "no suite '$1': core, all, unit, asan, cli, mpi, hosts, slurm, web or peers" >&2
        exit 2
        ;;
    esac
}

(($#)) || set -- core
for suite; do add_suite "$suite"; done
: >"$work/sums"
run_queue
run_alone
report_missing
read -r passed failed skipped < <(awk -v failed=$failed '
    { passed += $1; failed += $2; skipped += $3 }
    END { print passed + 0, failed, skipped + 0 }' "$work/sums")
awk '$2 > 0 { n = $2; $1 = $2 = $3 = ""; sub(/^ +/, ""); print "failed: " $0 ", " n }' "$work/sums"
((passed + failed)) || echo "nothing ran: no file of '$*' matches '${T-}'; see 'make help'"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
