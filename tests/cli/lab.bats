#!/usr/bin/env bats
# lockstep lab. Speed is not tested: the machine may be busy with other work.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    # all strategies, on 1 to 3 threads; too short for the times to mean anything
    "$LOCKSTEP" lab "$TINY" --threads 3,2,1 --batch 5 --seconds 0.5 --out lab.h5 >table
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

@test "the table goes from input to log-softmax, for each number of threads" {
    cat table
    grep -Eq '^peak of one core: [1-9]' table
    grep -Eq '^ +3 +[0-9.]+ +[0-9.]+ +[0-9.]+ ' table # what threads cost
    local threads
    for threads in 2 3; do
        sed -n "/^$threads threads.*: speed-up/,/^\$/p" table >part
        awk '$3 == "forward" { print $1 }' part >names
        [ "$(head -n 1 names)" = conv1 ]
        [ "$(tail -n 1 names)" = logsoftmax1 ]
        [ "$(grep -c ' forward ' part)" -eq "$(grep -c ' backward ' part)" ]
    done
    # each pass has a sequential row, and each row a verdict
    grep -Eq '^ +1 +sequential ' table
    [ "$(grep -Ec '^ +1 +sequential ' table)" -eq "$(grep -Ec ' FLOP/byte$' table)" ]
    awk '$1 ~ /^[0-9]+$/ && $2 ~ /^(sequential|batch|channel|filter|spatial|element)$/ &&
        !/ [0-9.]+ +[0-9.]+-[0-9.]+ .*[a-z]+/' table >silent
    [ ! -s silent ]
}

@test "the microbenchmarks and every claim are printed" {
    grep -A 4 '^memory layouts' table | grep -Eq '^ +blocked +[1-9]'
    grep -A 4 '^access order' table | grep -Eq '^ +[0-9]+x[0-9]+ +(L1|memory) '
    grep -A 4 '^convolutions forward' table | grep -Eq '^ +conv1 +[0-9]+ +[0-9.]+ .* direct$'
    grep -A 9 '^elements from which' table | grep -Eq '^ +gelu forward +([0-9]+|never) '
    grep -A 9 '^claims of' table >claims
    local claim
    for claim in 'linear layers: 3.19x' 'conv1 by channels: 1.02x' \
        'GELU on 2,048 elements: 0.11x' 'maxpool on small tensors: 0.17x' \
        '1,000 elements or fewer stay' 'over 10,000 elements vectorise'; do
        grep -Eq "^ +$claim.*  (yes|no|only|-)" claims
    done
}

@test "the file holds the figures of the table" {
    h5 lab.h5 <<'END'
lab = f[0]
text = lambda v: v.decode() if isinstance(v, bytes) else str(v)
assert text(lab.attrs["format"]) == "lockstep lab 1"
assert lab.attrs["batch"] == 5 and len(lab.attrs["claims"]) == 6
names = [text(n) for n in lab["subjects"].attrs["names"]]
assert names[0] == "conv1" and names[-1] == "logsoftmax1", names
rows = {n: d[()] for n, d in lab["rows"].items()}
count = len(rows["median"])
assert count > 60 and len(lab["rows"].attrs["verdicts"]) == count
assert all(len(c) == count for c in rows.values())
assert set(rows["threads"]) == {1, 2, 3}
splits = [text(s) for s in lab["rows"].attrs["splits"]]
alone = rows["split"] == splits.index("sequential")
assert (alone == (rows["threads"] == 1)).all()
assert (rows["speedup"][alone] == 1).all() and (rows["median"] > 0).all()
assert (rows["low"] <= rows["median"]).all() and (rows["median"] <= rows["high"]).all()
assert np.allclose(rows["efficiency"] * rows["threads"], rows["speedup"])
used = {splits[int(s)] for s in rows["split"]}
assert used >= {"batch", "channel", "spatial", "filter", "feature", "element"}, used
for subject in range(len(names)):
    for p in (0, 1):
        of = (rows["subject"] == subject) & (rows["pass"] == p)
        sequential = rows["median"][of & alone]
        assert len(sequential) == 1
        assert np.allclose(rows["speedup"][of] * rows["median"][of], sequential)
assert lab["machine/team"].shape == (3, 4) and lab["machine/bandwidth"].shape == (3, 4)
assert lab["subjects/flops"].shape == (len(names), 2)
assert lab["beside/pays"].shape[0] == len(lab["beside"].attrs["ops"])
END
    "$LOCKSTEP" show lab.h5 | grep -qx 'lab.h5: lockstep lab 1'
}

@test "plot_lab.py draws the file and prints it as Markdown" {
    /usr/bin/python3 -c 'import matplotlib' || skip "no matplotlib for /usr/bin/python3"
    "$ROOT/scripts/plot_lab.py" lab.h5 --out lab.png
    [ "$(head -c 4 lab.png | tail -c 3)" = PNG ]
    "$ROOT/scripts/plot_lab.py" lab.h5 --markdown --threads 2 >lab.md
    grep -Eq '^\| conv1 \| forward \| [0-9.e+]+ \|' lab.md
    grep -q '^| over 10,000 elements vectorise |' lab.md
    unread "$ROOT/scripts/plot_lab.py" lab.h5 --markdown
    run "$ROOT/scripts/plot_lab.py" "$TINY"
    [ "$status" -eq 1 ]
    run "$ROOT/scripts/plot_lab.py" lab.h5 --threads 64
    [ "$status" -eq 1 ]
    [ "$output" = "plot_lab: 64 threads were not measured; there are 2, 3" ]
}

@test "--layers selects layers, and an older file of the laboratory is replaced" {
    cp lab.h5 again.h5
    "$LOCKSTEP" lab "$TINY" --threads 1 --batch 2 --seconds 0.1 --layers 'linear*' \
        --out again.h5 >out
    run -1 grep -q '^conv1 ' out
    grep -Eq '^linear1 forward: ' out
    h5 again.h5 <<'END'
assert f[0].attrs["batch"] == 2 and len(f[0]["machine/team"]) == 1
END
    run "$ROOT/scripts/plot_lab.py" again.h5
    [ "$status" -eq 1 ]
    [[ $output == *": only one thread was measured: nothing to compare" ]]
}

@test "lab batch measures batch sizes and marks their knee" {
    "$LOCKSTEP" lab batch "$TINY" --batch 4,32 --threads 2 --repeats 1 >out
    cat out
    grep -qx 'training steps, 1 rank x 2 threads' out
    [ "$(grep -Ec '^ +(4|32) +[0-9]+ +[1-9][0-9]* ' out)" -eq 2 ]
    [ "$(grep -c '<- the knee' out)" -eq 1 ]
    grep -Eq '^ +a batch of 16 to 64 is the sweet spot  (yes|no)' out
}

@test "lab batch on two ranks prints its result once" {
    ranks 2 "$LOCKSTEP" lab batch "$TINY" --batch 8 --threads 1 --repeats 1 >out
    [ "$(grep -c '^training steps, 2 ranks x 1 thread$' out)" -eq 1 ]
    [ "$(grep -c '<- the knee' out)" -eq 1 ]
}

@test "lab threads measures workers in every split into ranks and threads" {
    "$LOCKSTEP" lab threads "$TINY" --batch 16 --workers 2 --repeats 1 >out
    cat out
    [ "$(grep -Ec '^ +1 +1 +1 +[1-9]' out)" -eq 1 ]
    [ "$(grep -Ec '^ +2 +(1 +2|2 +1) +[1-9]' out)" -eq 2 ]
    grep -Eq '^returns (end at|do not end up to) [12] worker' out
    grep -Eq '^ +diminishing returns beyond 4 to 6 workers  (yes|no)' out
}

@test "lab refuses bad arguments" {
    refused 2 "'--threads 0': expected numbers from 1*" "$LOCKSTEP" lab --threads 0
    refused 2 "'--threads 1,x': expected numbers*" "$LOCKSTEP" lab --threads 1,x
    refused 2 "*65*" "$LOCKSTEP" lab --threads 65
    refused 2 "'--batch 0': expected a number*" "$LOCKSTEP" lab --batch 0
    refused 2 "'--batch x': expected a whole number*" "$LOCKSTEP" lab --batch x
    refused 2 "*'none.conf'*" "$LOCKSTEP" lab none.conf
    refused 2 "'--layers zzz': no layer has such a name" \
        "$LOCKSTEP" lab --layers zzz --threads 1 --seconds 0.1
    refused 2 "'--batch x': expected numbers*" "$LOCKSTEP" lab batch --batch x
    refused 2 "'--repeats 0': at least one is needed" "$LOCKSTEP" lab batch --repeats 0
    refused 2 "*'none.conf'*" "$LOCKSTEP" lab batch none.conf
    refused 2 "'--batch' and '--repeats': at least 1" "$LOCKSTEP" lab threads --batch 0
    refused 2 "'--workers 2000': at most 1024" "$LOCKSTEP" lab threads --workers 2000
    refused 1 "1 ranks x 1 threads could not be measured: *'none.conf'*" \
        "$LOCKSTEP" lab threads none.conf
}

@test "a file that cannot be written is refused before anything is measured" {
    local command
    letters letters.h5 52 26
    for command in "lab --out missing/x.h5" "plan $TINY --data letters.h5 --out missing/x.h5"; do
        run --separate-stderr "$LOCKSTEP" $command
        echo "$command: $status: $output"
        [ "$status" -eq 1 ]
        [ -z "$output" ]
        # a busy machine is noted before
        [[ $stderr == *"lockstep: cannot write 'missing/x.h5': No such file or directory" ]]
    done
}

@test "lab replaces no file of another kind" {
    letters data.h5 40 30
    sha256sum data.h5 "$TINY" >sums
    refused 2 "'data.h5' cannot be written: it is a data set, not a file of the laboratory, \
and is not replaced" "$LOCKSTEP" lab --out data.h5
    refused 2 "*tiny.conf' cannot be written: it is a config, *" \
        "$LOCKSTEP" lab --out "$TINY"
    refused 2 "'data.h5' cannot be written: it is what is read" \
        "$LOCKSTEP" lab --data data.h5 --out data.h5
    sha256sum -c --quiet sums
    mkdir folder
    refused 2 "'folder' cannot be written: it is a folder, *" "$LOCKSTEP" lab --out folder
    refused 1 "*'missing/lab.h5*" "$LOCKSTEP" lab --out missing/lab.h5 --threads 1 \
        --layers linear1 --seconds 0.1
}

@test "lab measures layers on the images of a data set" {
    letters small.h5 40 30
    "$LOCKSTEP" lab "$TINY" --data small.h5 --threads 1 --batch 50 --seconds 0.1 \
        --layers linear1 | grep -Eq '^linear1 forward: '
    refused 1 "*'none.h5'*" "$LOCKSTEP" lab --data none.h5
}
