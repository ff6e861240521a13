#!/bin/bash
# Everything that can be said about the sources without running them: lint.sh [CHECK...],
# checks: layers cycles format cppcheck shell limits. Soft limits warn, the others fail. Says
# nothing where nothing is wrong.
set -u
cd "$(dirname "$0")/.." || exit 1

mapfile -t sources < <(find src include -name '*.[ch]' | sort)
mapfile -t tests < <(find tests -name '*.[ch]' | sort)
mapfile -t scripts < <(find .ci scripts slurm tests -type f \
    \( -name '*.sh' -o -name '*.bats' -o -name '*.sbatch' -o -path .ci/run \) \
    2>/dev/null | sort)

have() {
    command -v "$1" >/dev/null && return
    echo "note: no $1: not checked ('scripts/setup.sh test' installs it)" >&2
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

# Another version of clang-format formats otherwise: only Debian 12's is asked.
format() {
    have clang-format || return 0
    if [[ $(clang-format --version) != *' 14.'* ]]; then
        echo "note: the format is clang-format 14's, which is not here: not checked" >&2
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
    # Variables that bats sets or that another file uses (2034, 2154), words that look like
    # the shell's own (1010), ls of names the tests chose themselves (2011).
    shellcheck -x -S warning -e SC2034,SC2154,SC1010,SC2011 "${scripts[@]}"
}

limits() {
    awk -f scripts/limits.awk "${sources[@]}" "${tests[@]}" | sed 's/^/warning: /'
}

(($#)) || set -- layers cycles format cppcheck shell limits
failed=()
for check; do
    case $check in
    layers | cycles | format | shell | limits) $check || failed+=("$check") ;;
    cppcheck) cppcheck_all || failed+=(cppcheck) ;;
    *)
        echo "no check '$check': layers, cycles, format, cppcheck, shell or limits" >&2
        exit 2
        ;;
    esac
done
if ((${#failed[@]})); then
    echo "lint failed: ${failed[*]}"
    exit 1
fi
