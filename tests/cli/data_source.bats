#!/usr/bin/env bats
# lockstep train and eval with --data FOLDER: pictures are imported once, into a cache.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
    export XDG_CACHE_HOME=$PWD/cache
    py <<'END'
from pictures import *
for split, n in (("train", 20), ("test", 5)):
    for k, name in enumerate(("dark", "light")):
        for i in range(n):
            a = noise((n, k, i), 36, 40) // 2 + 120 * k
            save("pics/%s/%s/%02d.jpg" % (split, name, i), a.astype(np.uint8), quality=90)
save("pics/train/dark/large.png", noise(1, 60, 60) // 2)
END
    short=(--tune=off --set train.epochs=2 --set data.size=28 --set train.batch=10
        --set log.every=1)
}

cached() { # NUMBER of data sets in the cache
    compgen -G 'cache/lockstep/*.h5'
    [ "$(compgen -G 'cache/lockstep/*.h5' | wc -l)" -eq "$1" ]
}

@test "train imports a folder once, later runs and eval share it" {
    run "$LOCKSTEP" train "$TINY" --data pics --run none --tune=off
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"give one to which they are scaled, for example --set data.size=32"* ]]
    [ ! -e none ]
    "$LOCKSTEP" train "$TINY" --data pics --run 1 "${short[@]}" >1.out 2>&1
    cat 1.out
    grep "importing 'pics' into" 1.out
    grep -E '^ +all +41 +0 +10$' 1.out
    cached 1
    "$LOCKSTEP" train "$TINY" --data pics --run 2 "${short[@]}" >2.out 2>&1
    grep "'pics' was imported before" 2.out
    same_state 1.out 2.out
    cached 1
    "$LOCKSTEP" data import pics --out pics.h5 --size 28
    "$LOCKSTEP" train "$TINY" --data pics.h5 --run 3 "${short[@]}" >3.out 2>&1
    same_state 1.out 3.out
    "$LOCKSTEP" eval 1 --data pics >eval.out 2>&1
    "$LOCKSTEP" eval 1 --data pics.h5 >eval3.out 2>&1
    same_text "$(grep -o '^accuracy .* loss [0-9.]*' eval.out)" \
        "$(grep -o '^accuracy .* loss [0-9.]*' eval3.out)"
}

@test "a cache inside the folder of pictures is refused before anything is written" {
    for cache in pics/cache pics/train/cache pics; do
        run env XDG_CACHE_HOME="$PWD/$cache" "$LOCKSTEP" train "$TINY" --data pics --run r "${short[@]}"
        echo "$output"
        [ "$status" -eq 2 ]
        [[ $output == *"'$PWD/$cache/lockstep', which is in 'pics' itself: set XDG_CACHE_HOME"* ]]
        [ ! -e "$cache/lockstep" ] && [ ! -e r ]
    done
    env XDG_CACHE_HOME="$PWD/pics/.cache" "$LOCKSTEP" train "$TINY" --data pics --run r --check "${short[@]}"
}

@test "a changed folder is imported again, and val is taken from it" {
    "$LOCKSTEP" train "$TINY" --data pics --run 1 --check "${short[@]}" >checked
    [ "$(tail -n 1 checked)" = "checked: this can be trained; only the imported pictures were kept, in '$(echo "$XDG_CACHE_HOME"/lockstep/pics-*.h5)'" ]
    [ ! -e 1 ]
    touch -d '2001-01-01' pics/train/dark/00.jpg
    "$LOCKSTEP" train "$TINY" --data pics --run 1 --check "${short[@]}"
    cached 2
    "$LOCKSTEP" train "$TINY" --data pics --run 1 --check "${short[@]}" \
        --set data.val=0.25 >out 2>&1
    cat out
    grep -E '^ +all +31 +10 +10$' out
}

@test "eval measures all pictures of a folder that is not divided" {
    "$LOCKSTEP" train "$TINY" --data pics --run 1 "${short[@]}"
    run "$LOCKSTEP" eval 1 --data pics/train
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"'pics/train' is not divided"* ]]
    [[ $output == *" of 41)"* ]]
    mv pics/train/dark pics/train/dusk
    run "$LOCKSTEP" eval 1 --data pics/train
    [ "$status" -eq 1 ]
    [[ $output == *"has a class 'dusk' that the network does not have"* ]]
}

@test "two ranks train on a folder that rank 0 imports" {
    source "$ROOT/scripts/mpi.sh"
    mpirun -n 2 "$LOCKSTEP" train "$TINY" --data pics --run 2 "${short[@]}" </dev/null >2.out 2>&1
    cat 2.out
    "$LOCKSTEP" train "$TINY" --data pics --run 1 "${short[@]}" >1.out 2>&1
    same_state 1.out 2.out
}

@test "what an import notes is said once, and advice about val when a run begins" {
    (echo path,label,id && cd pics && for name in train/*/*.jpg test/*/*.jpg; do
        label=${name#*/} && echo "pics/$name,${label%/*},7"
    done) >list.csv
    "$LOCKSTEP" train "$TINY" --data list.csv --run 1 "${short[@]}" >1.out 2>&1
    cat 1.out
    [ "$(grep -c "column 'id' is not used" 1.out)" -eq 1 ]
    [ "$(grep -c -e "is optimistic; to make a val split: --set data.val=0.1" 1.out)" -eq 1 ]
    "$LOCKSTEP" train "$TINY" --data list.csv --run 1 --resume "${short[@]}" \
        --set train.epochs=3 >2.out 2>&1
    cat 2.out
    grep '^resumed from' 2.out
    run -1 grep optimistic 2.out
}
