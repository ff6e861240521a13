#!/bin/bash
# Train some of the configs for 20 steps, and print `state-NAME HASH` for each: the state=
# at the end. golden_states.sh [NAME...]; $LOCKSTEP is the program, LOCKSTEP_ISA as always.
set -eu
cd "$(dirname "$0")/.."
: "${LOCKSTEP:=build/lockstep}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$LOCKSTEP" data synth --out "$work/letters.h5" --train 100 --test 4 >/dev/null 2>&1
for name in "${@:-letters cifar-small resnet20 mobilenetv2}"; do
    for network in $name; do
        config=$network
        [[ ! -e configs/$network.conf ]] || config=configs/$network.conf
        "$LOCKSTEP" train "$config" --data "$work/letters.h5" --run "$work/$network" \
            --threads 1 --set train.batch=4 --set train.grain=2 --set train.steps=20 \
            >"$work/out" 2>&1 || { cat "$work/out" >&2; exit 1; }
        echo "state-$network $(sed -n 's/^finished .*state=//p' "$work/out")"
    done
done
