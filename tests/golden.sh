#!/bin/bash
# Write tests/golden.txt: the hashes of results that must be the same on every CPU, as
# plain C makes them. tests/unit/golden.h and tests/cli/golden.bats compare with it.
# Run it when the bits were meant to change, and say in the commit why they did.
set -eu
cd "$(dirname "$0")/.."
programs=(base/test_portable_math data/test_randaugment kernels/test_conv_algorithm kernels/test_bits nn/test_golden)
make -s "${programs[@]/#/build/tests/}" all
{
    for program in "${programs[@]}"; do
        # A hash that is printed twice was made with two instruction sets.
        GOLDEN_PRINT=1 "build/tests/$program" | sed -n 's/^golden: //p' | sort -u
    done
    LOCKSTEP=build/lockstep LOCKSTEP_ISA=plain tests/golden_states.sh
} >tests/golden.new
if [[ $(cut -d ' ' -f 1 tests/golden.new | sort | uniq -d) ]]; then
    echo "instruction sets do not agree:" >&2
    sort tests/golden.new >&2
    exit 1
fi
mv tests/golden.new tests/golden.txt
