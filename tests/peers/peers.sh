# shellcheck shell=bash
# Sourced by the bats files of this folder, whose scripts compare lockstep with other programs:
#   setup_file() { source "$BATS_TEST_DIRNAME/peers.sh"; make_checks SCRIPT; }
# NEEDS, if it is set before, are the modules of Python that the script wants.

source "$BATS_TEST_DIRNAME/../env.sh"
NEEDS=${NEEDS:-torch, h5py}

# Sets `python`: $PYTHON or another that has NEEDS; fails if there is none. The last one is what
# scripts/setup.sh peers makes.
find_torch() {
    for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3 "$ROOT/build/venv/bin/python3"; do
        "$python" -c "import $NEEDS" 2>/dev/null && return
    done
    return 1
}

skip_without_torch() {
    skip "no python3 has $NEEDS: type 'scripts/setup.sh peers'"
}

# Makes the checks of SCRIPT that the bats file's tests name, in one run.
make_checks() {
    local names
    find_torch || return 0
    mapfile -t names < <(grep -o 'agrees [^ ;]*' "$BATS_TEST_FILENAME" | cut -d' ' -f2)
    TMPDIR=$BATS_FILE_TMPDIR timeout 3500 "$python" "$BATS_TEST_DIRNAME/$1" "${names[@]}" \
        >"$BATS_FILE_TMPDIR/said" 2>&1 || true
}

# agrees NAME: the check NAME passed; prints the lines before its result.
agrees() {
    [[ -e $BATS_FILE_TMPDIR/said ]] || skip_without_torch
    sed "/^\(not \)\?ok $1\b/q" "$BATS_FILE_TMPDIR/said" | tail -n 30
    grep -qx "ok $1" "$BATS_FILE_TMPDIR/said"
}
