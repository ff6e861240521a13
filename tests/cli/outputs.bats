#!/usr/bin/env bats
# No command writes over what it reads, or replaces a file of another kind, with --force or
# without it.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 130 60
    train 1 "$TINY" --run run --set train.steps=4 >run.out
}

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
    ln -s letters.h5 symbolic.h5
    ln letters.h5 hard.h5
    ln -s run other-run
    printf 'path,label\nd/A/0.png,A\n' >list.csv
    before=$(kept)
}

# kept: everything that is here, with its content.
kept() {
    find . -type f ! -name '*.err' -exec sha256sum {} + | sort
}

# spared: nothing has changed.
spared() {
    same_text "$before" "$(kept)"
}

@test "eval does not write over its data set, a checkpoint or anything else" {
    for out in letters.h5 ./letters.h5 symbolic.h5 hard.h5; do
        refused 2 "'$out' cannot be written: it is *read" \
            "$LOCKSTEP" eval run --data letters.h5 --out $out --force
    done
    for out in run other-run; do
        refused 2 "'$out/checkpoints/best.h5' cannot be written: it is *read" \
            "$LOCKSTEP" eval run --data letters.h5 --out $out/checkpoints/best.h5 --force
    done
    for out in run/checkpoints/step-000000000004.h5 run/metrics.h5 run/log.txt list.csv run; do
        refused 2 "'$out' cannot be written: it is *, not a file of predictions, and is not \
replaced" "$LOCKSTEP" eval run --data letters.h5 --out $out --force
    done
    spared
    for force in '' --force; do
        "$LOCKSTEP" eval run --data letters.h5 --out mine.h5 $force >/dev/null
    done
    h5dump -n mine.h5 | grep -q /logprobs
}

@test "data commands do not write over what they import, or other files" {
    mkdir -p d/A d/B
    py <<'END'
import fixtures
for c in "AB":
    for i in range(10):
        fixtures.png("d/%s/%d.png" % (c, i), [[i * 20 + 9] * 8] * 8)
END
    emnist_like e
    printf '0,1,2,3,4\n1,5,6,7,8\n' >t.csv
    before=$(kept)
    refused 2 "'list.csv' cannot be written: it is what is read" \
        "$LOCKSTEP" data import list.csv --out list.csv --force
    refused 2 "'t.csv' cannot be written: it is what is read" \
        "$LOCKSTEP" data import-csv t.csv --out t.csv --force
    refused 2 "'d/A/0.png' cannot be written: it is a PNG image, not a data set, *" \
        "$LOCKSTEP" data import d --out d/A/0.png --force
    images=e-train-images-idx3-ubyte.gz labels=e-train-labels-idx1-ubyte.gz
    for out in $images $labels; do
        refused 2 "'$out' cannot be written: it is what is read" "$LOCKSTEP" data \
            import-idx --images $images --labels $labels --out $out --force
    done
    refused 2 "'letters.h5' cannot be written: it is what is read" \
        "$LOCKSTEP" data sheet letters.h5 --out letters.h5 --force
    refused 2 "'hard.h5' cannot be written: it is 'symbolic.h5', which is read" \
        "$LOCKSTEP" data sheet symbolic.h5 --out hard.h5
    refused 2 "'run/checkpoints/best.h5' cannot be written: it is a checkpoint, not a data \
set, *" "$LOCKSTEP" data synth --out run/checkpoints/best.h5 --force
    refused 2 "'d/A/0.png' cannot be written: it is a PNG image, *" \
        "$LOCKSTEP" data synth --out d/A/0.png --force
    spared
}

# The list of what was left out has a name that the user did not choose.
@test "an import does not write its list of skipped files over another file" {
    mkdir -p d/A d/B
    py <<'END'
import fixtures
for c in "AB":
    for i in range(60):
        fixtures.png("d/%s/%d.png" % (c, i), [[i * 4] * 8] * 8)
END
    for text in 'path,label\nd/A/0.png,A\n' 'my notes\n'; do
        printf "$text" >x.h5.skipped.csv
        before=$(kept)
        refused 2 "'x.h5.skipped.csv' cannot be written: it is a text file, not a list of \
files that were left out, and is not replaced" "$LOCKSTEP" data import d --out x.h5
        spared
    done
    rm x.h5.skipped.csv
    head -c 20 d/A/1.png >d/A/0.png
    for force in '' --force; do
        "$LOCKSTEP" data import d --out x.h5 $force >/dev/null
        grep -q 'A/0.png' x.h5.skipped.csv
    done
    rm d/A/0.png
    "$LOCKSTEP" data import d --out x.h5 --force >/dev/null
    [ ! -e x.h5.skipped.csv ]
}

@test "a run does not go into the folder of its pictures" {
    "$LOCKSTEP" data export letters.h5 pictures >/dev/null
    ln -s pictures link
    for run in pictures/run link/train/run pictures; do
        refused 2 "the folder of the run, '$run', is in that of the pictures, 'pictures'; *" \
            train 1 "$TINY" --data pictures --run "$run" --check
    done
    train 1 "$TINY" --data pictures --run pictures-run --check | grep -q '^checked: '
}

@test "a run does not write over what it reads" {
    cp letters.h5 spare.h5
    for name in lock log.txt metrics.h5 checkpoints/best.h5 checkpoints/step-000000000004.h5 \
        checkpoints/own.h5 checkpoints/best.h5.tmp.host.1 own.tmp.host.1; do
        mkdir -p r/checkpoints
        ln spare.h5 "r/$name"
        before=$(kept)
        refused 2 "'r/$name' cannot be written: it is *'*spare.h5', which is read" \
            train 1 "$TINY" --data spare.h5 --run r --resume
        spared
        rm r/$name
        ln -s "$PWD/spare.h5" "r/$name"
        before=$(kept)
        refused 2 "'r/$name' cannot be written: it is what is read" \
            train 1 "$TINY" --data "r/$name" --run r --resume
        spared
        rm r/$name
        cp "$TINY" "r/$name"
        before=$(kept)
        refused 2 "'r/$name' cannot be written: it is what is read" \
            train 1 "r/$name" --data spare.h5 --run r --resume
        spared
        rm -r r
    done
}

@test "a run does not take over files of another kind" {
    for name in lock log.txt metrics.h5 checkpoints/best.h5 checkpoints/step-000000000004.h5; do
        mkdir -p r/checkpoints
        cp letters.h5 "r/$name"
        before=$(kept)
        refused 2 "'r/$name' cannot be written: it is a data set, not *, and is not replaced" \
            train 1 "$TINY" --data hard.h5 --run r --resume
        spared
        rm -r r
    done
    mkdir r
    cp letters.h5 r/metrics.h5
    before=$(kept)
    run train 2 "$TINY" --data hard.h5 --run r --resume
    [ "$status" -eq 2 ]
    [[ $output == *"'r/metrics.h5' cannot be written: it is a data set, not "* ]]
    spared
    rm -r r
    mkdir r
    echo 'my notes' >r/lock
    refused 2 "'r/lock' cannot be written: it is a text file, not the lock of a run, *" \
        train 1 "$TINY" --data letters.h5 --run r
    grep -q 'my notes' r/lock
    rm -r r
}

# Only what is damaged or a run's own does not stand in the way.
@test "a run replaces its own damaged files" {
    cp -r run r
    head -c 100 run/metrics.h5 >r/metrics.h5
    head -c 100 run/checkpoints/best.h5 >r/checkpoints/best.h5
    head -c 100 /dev/zero >r/checkpoints/step-000000000004.h5
    head -c 100 /dev/zero >r/lock
    head -c 100 /dev/zero >r/checkpoints/step-000000000004.h5.tmp.host.1
    train 1 "$TINY" --data letters.h5 --run r --resume --set train.steps=4 >r.out
    same_text "$(state run.out)" "$(state r.out)"
    "$LOCKSTEP" show r/checkpoints/best.h5 >/dev/null
    [ ! -e r/checkpoints/step-000000000004.h5.tmp.host.1 ]
}

@test "a trace is refused before the run if the run writes its file" {
    mkdir r
    for trace in r r/lock r/log.txt r/metrics.h5 ./r/../r/metrics.h5; do
        refused 2 "*'$trace'*" \
            train 1 "$TINY" --data letters.h5 --run r --trace "$trace"
        [ -z "$(ls r)" ]
    done
    refused 2 "the trace cannot be 'new': the run writes that itself" \
        train 1 "$TINY" --data letters.h5 --run new --trace new
    [ ! -e new ]
    train 1 "$TINY" --data letters.h5 --run r --trace r/trace.json --set train.steps=2 >r.out
    grep -q traceEvents r/trace.json
}
