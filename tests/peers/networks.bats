#!/usr/bin/env bats
# The list of tensors that tests/unit/app/test_named_network.c compares the networks by name
# with is torchvision's.

setup() {
    source "$BATS_TEST_DIRNAME/../env.sh"
    list=$BATS_TEST_DIRNAME/../unit/app
}

@test "names and shapes of the networks by name are torchvision's" {
    for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
        "$python" -c 'import torchvision' 2>/dev/null && break
        python=
    done
    [ -n "$python" ] || skip "no torchvision here"
    timeout 300 "$python" "$list/make_networks.py" >"$BATS_TEST_TMPDIR/list"
    [ -s "$BATS_TEST_TMPDIR/list" ]
    diff "$BATS_TEST_TMPDIR/list" "$list/networks_torch.inc"
}
