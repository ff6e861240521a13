#!/usr/bin/env bats
# Each network by name trains; its bits do not depend on the number of ranks.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$ROOT/tests/cli /usr/bin/python3 - <<'END'
import pictures
pictures.folder("pictures", classes=("cat", "dog", "eel"), n=5, h=32, w=32)
END
    "$LOCKSTEP" data import pictures --out images.h5 >imported 2>&1
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# two_steps RANKS NAME OPTION...: into NAME-RANKS.out. Two grains of two images.
two_steps() {
    train "$1" "$2" --data images.h5 --run "$2-$1" --tune=off --set train.batch=4 \
        --set train.grain=2 --set train.steps=2 --set log.every=1 \
        --set checkpoint.keep_best=off "${@:3}" >"$2-$1.out" 2>&1 || {
        cat "$2-$1.out"
        return 1
    }
    rm -r "$2-$1" # some have a GB
}

@test "every network by name trains on small pictures" {
    names=$("$LOCKSTEP" models --json | sed -n 's/.*"name": "\([^"]*\)".*/\1/p')
    [ "$(wc -w <<<"$names")" -ge 19 ]
    for name in $names; do
        two_steps 1 "$name"
        same_state "$name-1.out" # there is one
        run ! grep -qiE 'nan|inf ' "$name-1.out"
    done
}

@test "two ranks have the bits of one" {
    for name in resnet18 mobilenetv3_small; do
        two_steps 1 $name
        two_steps 2 $name
        same_run $name-1.out $name-2.out
    done
}
