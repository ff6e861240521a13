#!/bin/bash
# Everything that can be said about the sources without running them: lint.sh [CHECK...],
# checks: layers cycles names signals format cppcheck shell docs limits. Soft limits warn, the
# others fail. Says nothing where nothing is wrong.
set -u
cd "$(dirname "$0")/.." || exit 1

mapfile -t sources < <(find src include -name '*.[ch]' | sort)
mapfile -t tests < <(find tests -name '*.[ch]' | sort)
mapfile -t scripts < <(find .ci scripts slurm tests -type f \
    \( -name '*.sh' -o -name '*.bats' -o -name '*.sbatch' -o -path .ci/run \) \
    2>/dev/null | sort)

have() {
    command -v "$1" >/dev/null && return
    echo "note: $1 is missing: not checked ('scripts/setup.sh test' installs it)" >&2
    return 1
}

layers() {
    awk -f scripts/layers.awk "${sources[@]}"
}

# What is in kernels/simd is compiled under several names, and called through its table.
cycles() {
    local file plain=()
    for file in "${sources[@]}"; do
        [[ $file == src/kernels/simd/* ]] || plain+=("$file")
    done
    awk -f scripts/cycles.awk "${plain[@]}"
}

# A file-local name stands in one file only.
names() {
    awk -f scripts/names.awk "${sources[@]}"
}

# The signals that stop a run: the scripts set their traps before they can ask anybody, so
# each has the list of src/base/stop.c, and the real-time signals of Linux, 34 to 64.
signals() {
    local script here there
    here=$(grep -o '\[SIG[A-Z0-9]*\] = STOP_' src/base/stop.c | grep -o 'SIG[A-Z0-9]*' |
        sed 's/^SIG//' | sort)
    for script in scripts/launch.sh scripts/supervise.sh; do
        there=$(sed -n 's/^stop_signals=(\(.*\) {34\.\.64})$/\1/p' "$script" | tr ' ' '\n' | sort)
        [[ $here && $here == "$there" ]] && continue
        echo "$script: stop_signals is not the list of src/base/stop.c and {34..64}:"
        diff <(echo "$here") <(echo "$there")
        return 1
    done
}

# Other versions of clang-format give other results: only that of Debian 12 is used.
format() {
    have clang-format || return 0
    if [[ $(clang-format --version) != *' 14.'* ]]; then
        echo "note: format: not checked, because this is not clang-format 14" >&2
        return 0
    fi
    local out
    out=$(clang-format --dry-run -Werror "${sources[@]}" "${tests[@]}" 2>&1) && return
    sed -n "s/: error: code should be.*/: not formatted: type 'make format'/p" <<<"$out" |
        sort -u -t: -k1,1
    return 1
}

cppcheck_all() {
    have cppcheck || return 0
    cppcheck --quiet --std=c11 --language=c -j "$(nproc)" -I include \
        -D_Noreturn='__attribute__((noreturn))' --enable=warning,performance,portability \
        --inline-suppr --suppressions-list=.cppcheck --error-exitcode=1 \
        "${sources[@]}" "${tests[@]}"
}

shell() {
    have shellcheck || return 0
    # Allowed: variables that bats sets or another file uses (2034, 2154), words that look
    # like keywords of the shell (1010), ls of names that the tests chose (2011).
    shellcheck -x -S warning -e SC2034,SC2154,SC1010,SC2011 "${scripts[@]}"
}

# Commands in the documents are compared with the program's own help.
docs() {
    have python3 || return 0
    if [[ ! -x build/lockstep ]] && ! make -s -j "$(nproc)" all; then
        echo "docs: not checked: build/lockstep cannot be built"
        return 1
    fi
    scripts/check_docs.py
}

limits() {
    awk -f scripts/limits.awk "${sources[@]}" "${tests[@]}" | sed 's/^/warning: /'
}

checks='layers cycles names signals format cppcheck shell docs limits'
# shellcheck disable=SC2086 # split into words
(($#)) || set -- $checks
failed=()
for check; do
    case $check in
    layers | cycles | names | signals | format | shell | docs | limits)
        $check || failed+=("$check")
        ;;
    cppcheck) cppcheck_all || failed+=(cppcheck) ;;
    *)
        echo "no check '$check': expected $checks" >&2
        exit 2
        ;;
    esac
done
if ((${#failed[@]})); then
    echo "lint failed: ${failed[*]}"
    exit 1
fi
