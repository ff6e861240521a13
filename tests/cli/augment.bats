#!/usr/bin/env bats
# Augmentation by recipes: the documented table, the effective settings, runs that go on.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 300 60
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# changed CONFIG OPTION...: the keys of [augment] that are not at their defaults, sorted.
changed() {
    "$LOCKSTEP" train "$1" --data letters.h5 --check "${@:2}" 2>/dev/null |
        sed -n 's/^config .*defaults://p' | tr ' ' '\n' | grep '^augment\.' | sort
}

@test "each recipe sets what the table of docs/data.md says" {
    local recipe column wanted
    for recipe in light:3 standard:4 strong:5 ink:6; do
        column=${recipe#*:} recipe=${recipe%:*}
        wanted=$(sed -n '/^### Recipes/,/^Empty cells/p' "$ROOT/docs/data.md" | tr -d ' `' |
            awk -F '|' -v column="$column" \
                'NF == 7 && $column != "" && $2 ~ /^[a-z_]+$/ && $2 != "key" {
                    print "augment." $2 "=" $column
                }')
        [ "$(wc -l <<<"$wanted")" -ge 2 ]
        same_text "$(sort <<<"$wanted"$'\n'"augment.recipe=$recipe")" \
            "$(changed "$TINY" --set augment.recipe=$recipe)"
    done
    run changed "$TINY" --set augment.recipe=none
    [ -z "$output" ]
}

@test "keys that are given override the recipe, in any order; a network's own ones do not" {
    local recipe=(--set augment.recipe=light) flip=(--set augment.flip=off)
    same_text $'augment.recipe=light\naugment.resized_crop=0.8' \
        "$(changed "$TINY" "${recipe[@]}" "${flip[@]}")" \
        "$(changed "$TINY" "${flip[@]}" "${recipe[@]}")"
    { cat "$TINY" && printf '[augment]\nflip = off\n'; } >own.conf
    same_text $'augment.recipe=light\naugment.resized_crop=0.8' "$(changed own.conf "${recipe[@]}")"
    "$LOCKSTEP" train own.conf --data letters.h5 --check "${recipe[@]}" >/dev/null 2>err
    grep -qx "note: augment.recipe = light leaves what 'own.conf' says: flip = off" err
    # resnet20 has flip = random and crop = 4 of its own
    same_text "$(changed resnet20)" $'augment.crop=4\naugment.flip=random' \
        "$(changed resnet20 --set augment.recipe=none)"
    changed resnet20 --set augment.recipe=ink >ink
    grep -q '^augment.elastic=1.5$' ink
    [ -z "$(grep -E 'flip|crop' ink)" ]
}

@test "a run holds the effective settings, and goes on with the same bits" {
    local run=(--set augment.recipe=strong --set augment.rotate=20 --set train.batch=50
        --set schedule.kind=constant --set log.every=2 --set checkpoint.every_steps=3)
    train 1 "$TINY" --run whole "${run[@]}" --set train.steps=9 >whole.out
    grep -qx 'recipe = strong' whole/config.conf
    grep -qx 'resized_crop = 0.5' whole/config.conf
    grep -qx 'rotate = 20' whole/config.conf
    train 1 "$TINY" --run parts "${run[@]}" --set train.steps=4 >/dev/null
    train 1 "$TINY" --run parts "${run[@]}" --set train.steps=9 --resume >parts.out 2>parts.err
    [ "$(grep -c 'changed key' parts.err)" -eq 1 ] # train.steps
    same_state whole.out parts.out
    # from its own config, which is also that of another run
    train 1 parts/config.conf --run again >again.out 2>again.err
    [ -z "$(grep augment again.err)" ]
    same_state whole.out again.out
    # another recipe replaces what the recipe has set, and rotate stays
    changed parts/config.conf --set augment.recipe=light >light
    same_text "$(<light)" \
        $'augment.flip=random\naugment.recipe=light\naugment.resized_crop=0.8\naugment.rotate=20'
    train 1 "$TINY" --run parts "${run[@]}" --set augment.recipe=light --set train.steps=10 \
        --resume >/dev/null 2>parts.err
    grep -q 'changed key: augment.recipe strong -> light$' parts.err
    grep -q 'changed key: augment.randaugment 2 -> 0$' parts.err
}

@test "a sheet shows the images as --set says" {
    for options in "" "--set augment.recipe=none" "--set augment.recipe=ink" \
        "--set augment.randaugment=3"; do
        # shellcheck disable=SC2086 # split into words
        "$LOCKSTEP" data sheet letters.h5 --augmented "$TINY" $options --out "s$((++n)).png" \
            >/dev/null
    done
    cmp s1.png s2.png
    run cmp -s s1.png s3.png
    [ "$status" -eq 1 ]
    run cmp -s s1.png s4.png
    [ "$status" -eq 1 ]
    refused 2 "--set is for --augmented; add it" \
        "$LOCKSTEP" data sheet letters.h5 --set augment.recipe=ink --out x.png
    refused 2 "--set: 'recipe = weak': expected none | light | standard | strong | ink" \
        "$LOCKSTEP" data sheet letters.h5 --augmented "$TINY" --set augment.recipe=weak --out x.png
    [ ! -e x.png ]
}
