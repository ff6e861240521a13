#!/usr/bin/env bats
# configs/cifar_fast.conf is airbench94: airbench.py makes all comparisons in one run.

setup_file() {
    source "$BATS_TEST_DIRNAME/../env.sh"
    local python
    for python in python3 /usr/bin/python3; do
        "$python" -c 'import torch, h5py, PIL' 2>/dev/null && break
    done
    TMPDIR=$BATS_FILE_TMPDIR timeout 600 "$python" "$BATS_TEST_DIRNAME/airbench.py" \
        >"$BATS_FILE_TMPDIR/said" 2>&1 || true
}

# agrees NAME: the comparison NAME passed; prints the lines before its result.
agrees() {
    sed "/^\(not \)\?ok $1\b/q" "$BATS_FILE_TMPDIR/said" | tail -n 40
    grep -qx "ok $1" "$BATS_FILE_TMPDIR/said"
}

@test "filters that whiten the patches" { agrees whitening; }
@test "filters that begin as copies" { agrees dirac; }
@test "a step: weights and running statistics" { agrees step; }
@test "seven steps with lookahead, and a bias that is trained for three" { agrees steps; }
@test "answers to one, two and six views" { agrees views; }
