#!/usr/bin/env bats
# The Makefile, the lint and the test runner themselves.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/../env.sh"
    cd "$ROOT" || exit 1
}

# A machine with a shell and make, but no compiler and no libraries.
bare_path() {
    local tool
    mkdir "$TMPDIR/bin"
    for tool in bash sh make sed expand uname env mkdir touch cmp dirname; do
        ln -s "$(command -v $tool)" "$TMPDIR/bin/$tool"
    done
    echo "$TMPDIR/bin"
}

scratch_copy() {
    mkdir "$TMPDIR/copy"
    cp -r Makefile scripts include src tests "$TMPDIR/copy"
    cd "$TMPDIR/copy" || exit 1
}

# plant FILE TEXT MESSAGE: when TEXT is appended to FILE, lint prints MESSAGE about it.
plant() {
    echo "$2" >>"$1"
    run scripts/lint.sh layers
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"$1:"*"$3"* ]]
}

@test "make help works on a bare machine" {
    PATH=$(bare_path) run make help
    echo "$output"
    [ "$status" -eq 0 ]
    for target in run test lint install clean; do
        grep -q "^$target " <<<"$output"
    done
}

@test "make on a bare machine names what is missing and what to type" {
    PATH=$(bare_path) run make BUILD="$TMPDIR/build"
    echo "$output"
    [ "$status" -eq 2 ]
    [[ $output == *"not found: gcc pkg-config mpicc"* ]]
    [[ $output == *"type 'make setup'"* ]]
}

@test "an unknown MODE is refused" {
    run make MODE=fast
    [ "$status" -eq 2 ]
    [[ $output == *"unknown MODE 'fast': release, debug, asan or fuzz"* ]]
}

@test "make install puts everything below DESTDIR, and make uninstall removes it" {
    to=$TMPDIR/root
    make -s install BUILD="$LOCKSTEP_BUILD" DESTDIR="$to" PREFIX=/usr
    "$to/usr/bin/lockstep" --version | grep -q '^lockstep [0-9]'
    cmp configs/letters.conf "$to/usr/share/lockstep/configs/letters.conf"
    cmp LICENSE "$to/usr/share/doc/lockstep/LICENSE"
    run "$to/usr/share/lockstep/scripts/supervise.sh"
    [[ $status == 2 && $output == *"usage: supervise.sh "* ]]
    run "$to/usr/share/lockstep/scripts/launch.sh"
    [[ $status == 2 && $output == "launch.sh: no program given; usage: "* ]]
    if /usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null; then
        for name in lab scaling; do
            "$to/usr/share/lockstep/scripts/plot_$name.py" --help | grep -q '^usage: '
        done
    fi
    make -s uninstall BUILD="$LOCKSTEP_BUILD" DESTDIR="$to" PREFIX=/usr
    [ -z "$(find "$to" -type f)" ]
}

@test "every command has a man page, with the exit codes of --help" {
    command -v help2man >/dev/null || skip "no help2man"
    scripts/man.sh "$LOCKSTEP" "$TMPDIR/man"
    commands=$("$LOCKSTEP" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) .*/\1/p')
    [ "$(wc -w <<<"$commands")" -ge 16 ]
    for command in $commands; do
        [ -s "$TMPDIR/man/lockstep-$command.1" ]
    done
    codes=$("$LOCKSTEP" --help | sed -n '/^Exit status:/,/^$/s/^  \([0-9]\+\) .*/\1/p')
    [ "$(wc -w <<<"$codes")" -ge 6 ]
    told=$(sed -n '/^.SH "EXIT STATUS"/,/^.SH "SEE ALSO"/p' "$TMPDIR/man/lockstep-train.1" |
        grep -E '^[0-9]+$')
    [ "$told" = "$codes" ]
}

@test "a function that a table of the documents puts into a wrong file is found" {
    cp -r README.md CHANGELOG.md Makefile LICENSE docs configs scripts slurm src include tests .ci \
        "$TMPDIR"
    cd "$TMPDIR"
    scripts/check_docs.py "$LOCKSTEP"
    printf '| a | `loader_fill()` | `src/data/view.c` |\n' >>docs/design.md
    run scripts/check_docs.py "$LOCKSTEP"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == "docs/design.md:"*": 'loader_fill()' is not defined in the files of its row" ]]
}

@test "the includes of the tree keep to its levels" {
    run scripts/lint.sh layers
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
}

@test "an upward include is found" {
    scratch_copy
    plant src/base/rng.c '#include "nn/model.h"' "base may not include 'nn/model.h'"
}

@test "files of one module that call each other are found, through a macro as well" {
    run scripts/lint.sh cycles
    [ "$status" -eq 0 ] && [ -z "$output" ]
    scratch_copy
    printf 'int planted(void)\n{\n    return PLANTED;\n}\n' >>src/comm/topology.c
    printf '#define PLANTED tree_fastest(0, 1, 1)\n' >>src/comm/tree_cost.h
    run scripts/lint.sh cycles
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == "src/comm: files that use each other: comm/topology comm/tree_cost"$'\n'* ]]
    [[ $output == *"comm/topology uses comm/tree_cost: tree_fastest"$'\n'* ]]
}

@test "a file-local name that stands in two files is found" {
    run scripts/lint.sh names
    [ "$status" -eq 0 ] && [ -z "$output" ]
    scratch_copy
    printf 'static int planted(int x)\n{\n    return x;\n}\n' >>src/base/rng.c
    printf 'static long planted(void)\n{\n    return 1;\n}\n' >>src/comm/topology.c
    run scripts/lint.sh names
    [ "$status" -eq 1 ]
    [[ $output == *"planted() is also defined in src/base/rng.c"* ]]
}

@test "a sideways include is found, in headers too" {
    scratch_copy
    plant include/kernels/team.h '#include "comm/comm.h"' \
        "kernels may not include 'comm/comm.h'"
}

@test "an outside library away from its home is found" {
    scratch_copy
    plant src/nn/optim.c '#include <mpi.h>' '<mpi.h> belongs to comm alone'
    plant src/comm/comm.c '#include <hdf5.h>' '<hdf5.h> belongs to io alone'
    plant src/io/idx.c '#  include <omp.h>' '<omp.h> belongs to kernels alone'
    plant src/data/ink.c '#pragma omp simd' 'OpenMP belongs to kernels alone'
}

@test "a header without its guard is found" {
    scratch_copy
    sed -i 's/LOCKSTEP_BASE_RNG_H/LOCKSTEP_RNG_H/' include/base/rng.h
    run scripts/lint.sh layers
    [ "$status" -eq 1 ]
    [[ $output == *"include/base/rng.h:1: no include guard LOCKSTEP_BASE_RNG_H"* ]]
}

@test "the test runner counts failed, skipped and crashed tests in its last line" {
    scratch_copy
    mkdir -p tests/unit/base
    cat >tests/unit/base/test_runner.c <<'END'
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_good(void **state)
{
    (void)state;
    assert_true(1);
}
static void test_bad(void **state)
{
    (void)state;
    assert_int_equal(1, 2);
}
static void test_left_out(void **state)
{
    (void)state;
    skip();
}
static void test_crash(void **state)
{
    (void)state;
    _Exit(7);
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_left_out), cmocka_unit_test(test_crash),
        cmocka_unit_test(test_good)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
END
    BUILD=build MODE=release T=test_runner run scripts/run_tests.sh unit
    echo "$output"
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "unit base/test_runner "*" 1 passed, 3 FAILED, 1 skipped"* ]]
    [[ $output == *"exit status 7"*"not ok 2 - test_bad"* ]]
    [ "${lines[-1]}" = "1 passed, 3 failed, 1 skipped" ]

    T='no such test' run scripts/run_tests.sh unit
    [ "$status" -eq 1 ]
    [ "${lines[-1]}" = "0 passed, 0 failed, 0 skipped" ]
}
