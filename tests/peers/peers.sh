# shellcheck shell=bash
# Sourced by the bats files of this folder, whose scripts compare lockstep with PyTorch:
#   setup_file() { source "$BATS_TEST_DIRNAME/peers.sh"; make_checks SCRIPT; }

source "$BATS_TEST_DIRNAME/../env.sh"

# Sets `python`: the first that has PyTorch; fails if there is none.
find_torch() {
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import torch, h5py' 2>/dev/null && return
    done
    return 1
}

skip_without_torch() {
    skip "no python3 has torch and h5py: type 'scripts/setup.sh peers'"
}

# All checks of SCRIPT, in one run.
make_checks() {
    find_torch || return 0
    TMPDIR=$BATS_FILE_TMPDIR timeout 800 "$python" "$BATS_TEST_DIRNAME/$1" \
        >"$BATS_FILE_TMPDIR/said" 2>&1 || true
}

# agrees NAME: the check NAME passed; prints the lines before its result.
agrees() {
    [[ -e $BATS_FILE_TMPDIR/said ]] || skip_without_torch
    sed "/^\(not \)\?ok $1\b/q" "$BATS_FILE_TMPDIR/said" | tail -n 30
    grep -qx "ok $1" "$BATS_FILE_TMPDIR/said"
}
