#!/usr/bin/env bats
# Bad configs, layers and options end in one clear line with the place and exit code 2; no
# file is made.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 60 30
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    cases=()
}

# Waits for all cases; none of them may have made a file.
teardown() {
    local i
    cd "$BATS_TEST_TMPDIR/work" || return
    for i in "${!cases[@]}"; do
        wait "${cases[i]}" || { cat "$BATS_TEST_TMPDIR/$i.out"; return 1; }
    done
    [ "$(find . -mindepth 1 ! -name '*.conf')" = ./letters.h5 ]
}

# The line numbers in the tests below refer to this file.
good() {
    cat >good.conf <<'END'
[model]
layer = conv 8 kernel=5
layer = maxpool 2
layer = flatten
layer = linear classes
layer = logsoftmax
[train]
batch = 60
; a comment

[optim]
lr = 0.1   # another
END
}

# aside COMMAND...: the cases of a test run concurrently because they mostly wait for MPI to
# start.
aside() {
    "$@" >"$BATS_TEST_TMPDIR/${#cases[@]}.out" 2>&1 3>&- &
    cases+=($!)
}

# bad LINE TEXT MESSAGE: training with TEXT as line LINE is refused with MESSAGE.
bad() {
    aside one_bad "${#cases[@]}" "$@"
}

one_bad() {
    mkdir "$BATS_TEST_TMPDIR/$1"
    cd "$BATS_TEST_TMPDIR/$1" || return
    good
    awk -v line="$2" -v text="$3" 'NR == line { print text; next } { print }' \
        good.conf >bad.conf
    refused 2 "$4" train 1 bad.conf --run run --data ../work/letters.h5
    [ "$(ls | xargs)" = "bad.conf good.conf" ]
}

@test "a good config is accepted" {
    good
    train 1 good.conf --run run --set train.epochs=1 | grep -q '^finished step 1 of 1'
    rm -r run
}

@test "unknown, misplaced and repeated keys are refused" {
    bad 8 'bacth = 60' "bad.conf:8: unknown key 'bacth' in ?train?; did you mean 'batch'?"
    bad 8 'lr = 0.1' "bad.conf:8: unknown key 'lr' in ?train?; it belongs to ?optim?"
    bad 8 'frobnicate = 1' "bad.conf:8: unknown key 'frobnicate' in ?train?; see *--help'"
    bad 9 'batch = 61' "bad.conf:9: 'batch' is set already on line 8"
    bad 11 '[optimm]' "bad.conf:11: unknown section 'optimm'; did you mean 'optim'?"
    bad 1 '' "bad.conf:2: 'layer' stands before the first ?section?"
}

@test "lines that are neither section nor key are refused" {
    bad 10 'just words' "bad.conf:10: expected '?section?' or 'key = value'"
    bad 11 '[optim' "bad.conf:11: expected '?section?' or 'key = value'"
}

@test "values that are no number, out of range or unknown are refused" {
    bad 8 'batch = many' "bad.conf:8: 'batch = many': expected a whole number from 1 to *"
    bad 8 'batch = 0' "bad.conf:8: 'batch = 0': expected a whole number from 1 to *"
    bad 8 'batch = 6.5' "bad.conf:8: 'batch = 6.5': expected a whole number*"
    bad 8 'batch = 60 61' "bad.conf:8: 'batch = 60 61': expected a whole number*"
    bad 8 'batch =' "bad.conf:8: 'batch = ': expected a whole number*"
    bad 8 'batch = 99999999999999999999' "bad.conf:8: 'batch = 9*': expected a whole *"
    bad 8 'seed = -1' "bad.conf:8: 'seed = -1': expected a whole number from 0"
    bad 8 'ema = 1.5' "bad.conf:8: 'ema = 1.5': expected a number from 0 to 0.999999"
    bad 12 'lr = nan' "bad.conf:12: 'lr = nan': expected a number from 0 to *"
    bad 12 'lr = -0.1' "bad.conf:12: 'lr = -0.1': expected a number from 0 to *"
    bad 12 'kind = adam' "bad.conf:12: 'kind = adam': expected sgd | adamw | lars | lamb"
    bad 12 'nesterov = maybe' "bad.conf:12: 'nesterov = maybe': expected on or off"
}

@test "unknown kinds of layers, options and sizes are refused" {
    bad 3 'layer = maxpol 2' "bad.conf:3: unknown layer 'maxpol', did you mean 'maxpool'?"
    bad 2 'layer = conv 8' "bad.conf:2: conv1: kernel=K is missing"
    bad 2 'layer = conv kernel=5' "bad.conf:2: conv1: a number is missing *"
    bad 2 'layer = conv 8 kernl=5' \
        "bad.conf:2: conv1: unknown option 'kernl', did you mean 'kernel'?"
    bad 2 'layer = conv 8 kernel=five' "bad.conf:2: conv1: kernel 'five' is not a whole *"
    bad 2 'layer = conv 8 kernel=5 kernel=3' "bad.conf:2: conv1: option 'kernel' is given *"
    bad 2 'layer = conv 8 9 kernel=5' "bad.conf:2: conv1: '9' is one value too many"
    bad 2 'layer = conv 0 kernel=5' "bad.conf:2: conv1: size '0' is not a whole number *"
    bad 2 'layer = conv 8 kernel=5 init=hee' \
        "bad.conf:2: conv1: unknown init 'hee', did you mean 'he'?"
    bad 3 'layer = dropout p=2' "bad.conf:3: dropout1: p '2' is not a number from 0 to *"
    bad 3 'layer =' "bad.conf:3: *layer*"
}

@test "layers that do not fit their input are refused, with the shape of the input" {
    bad 2 'layer = conv 8 kernel=29' \
        "bad.conf:2: conv1: the kernel 29x29 is larger than its input 28x28x1; it needs \
images of 29x29 or larger"
    bad 2 'layer = maxpool 16' \
        "bad.conf:3: maxpool2: the window 2x2 is larger than its input 1x1x1; it needs images \
of 32x32 or larger"
    bad 4 'layer = gelu' "bad.conf:5: linear1: *12x12x8*"
    bad 5 'layer = relu' "bad.conf:6: *1152 outputs*26 classes*"
    bad 5 'layer = linear 25' "bad.conf:6: logsoftmax1: the network has 25 outputs, the data 26 *"
    bad 6 'layer = gelu' "bad.conf:6: gelu1: the last layer must be 'logsoftmax', or 'logsigmoid' for images with several classes"
    bad 4 'layer = logsoftmax' "bad.conf:4: logsoftmax1: its input 12x12x8 is an image*"
}

@test "wrong graphs and blocks are refused, with the line, the layers and their shapes" {
    bad 3 'layer = maxpool 2 from=conv2' \
        "bad.conf:3: no layer before this line is named 'conv2', did you mean 'conv1'?"
    bad 3 'layer = maxpool 2 from=input' "bad.conf:2: conv1: no layer uses its output: *"
    bad 3 'layer = add from=input' \
        "bad.conf:3: add1: conv1 is 24x24x8, input is 28x28x1: they must have the same shape"
    bad 3 'layer = maxpool 2 as=conv1' "bad.conf:3: the name 'conv1' is taken by bad.conf:2*"
    bad 3 'layer = conv $channels kernel=1' "bad.conf:3: '\$channels' stands outside a block"
    bad 8 '[block conv]' "bad.conf:8: block 'conv' has the name of a layer, give it another"
    bad 11 '[block b]' "bad.conf:12: unknown key 'lr' in a block*"
}

@test "a block that calls itself, or is given what it does not know, is refused" {
    bad 3 $'layer = a\n[block a]\nlayer = b\n[block b]\nlayer = a\n[model]' \
        "bad.conf:7: block 'a' contains itself"
    bad 3 $'layer = a size=2\n[block a]\nparameters = width\nlayer = relu\n[model]' \
        "bad.conf:3: block 'a' has no parameter 'size'*"
    bad 3 $'layer = a\n[block a]\nparameters = width\nlayer = relu\n[model]' \
        "bad.conf:3: a1: width= is missing"
    bad 3 $'layer = a\n[block a]\nlayer = relu\n[block a]\n[model]' \
        "bad.conf:6: there is a block 'a' already, at bad.conf:4"
    bad 3 $'layer = a\n[block a]\nlayr = relu\n[model]' \
        "bad.conf:5: unknown key 'layr' in a block; did you mean 'layer'?"
}

@test "words and blocks too long for a network are refused, long lists of values are not" {
    list=$(printf '128,%.0s' {1..31})
    bad 3 "layer = maxpool 2 as=$(printf 'a%.0s' {1..130})" \
        "bad.conf:3: 'as=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...' is longer than 127 characters"
    good
    awk -v list="$list" 'NR == 2 { $0 = "layer = a c=" list "8 repeat=32\n[block a]\n" \
        "parameters = c\nlayer = conv $c kernel=1\n[model]" } 1' good.conf >long.conf
    train 1 long.conf --check | grep -qE '^  a1\.31\.conv1 +28x28x8 '
}

@test "a missing config and a config without a network or data set are refused" {
    good
    sed '1,6d' good.conf >bad.conf
    aside refused 2 "*bad.conf: no network: ?model? needs 'layer = ...' lines" \
        train 1 bad.conf --run run
    aside refused 2 "*good.conf: no data set; give --data FILE or file = in ?data?" \
        "$LOCKSTEP" train good.conf --run run
    aside refused 2 "cannot open 'none.conf': No such file or directory" \
        train 1 none.conf --run run
    aside refused 2 "'.' is a folder, not a config" train 1 . --run run
    aside refused 2 "'letters.h5' is a data set, not a config" train 1 letters.h5 --run run
}

@test "--set is checked like the config and cannot change the network" {
    good
    aside refused 2 "--set: unknown key 'bacth' in ?train?; did you mean 'batch'?" \
        train 1 good.conf --run run --set train.bacth=3
    aside refused 2 "--set: 'lr = -1': expected a number from 0 to *" \
        train 1 good.conf --run run --set optim.lr=-1
    for odd in train.batch batch=3 =; do
        aside refused 2 "'--set $odd': expected section.key=value" \
            train 1 good.conf --run run --set $odd
    done
    aside refused 2 "'--set model.layer=gelu': the network is set in the config file" \
        train 1 good.conf --run run --set model.layer=gelu
}

@test "unknown, missing and surplus words of the command line are refused" {
    good
    aside refused 2 "unknown command 'trian'; did you mean 'train'?" "$LOCKSTEP" trian
    aside refused 2 "unknown option '--thread'; did you mean '--threads'?" \
        train 1 good.conf --run run --thread 2
    aside refused 2 "unknown option '-x'; see 'lockstep train --help'" train 1 good.conf -x
    aside refused 2 "'--run' needs a value: --run DIR" train 1 good.conf --run
    aside refused 2 "'--resume' takes no value" train 1 good.conf --run run --resume=yes
    aside refused 2 "'--threads two': expected a whole number from 0" \
        train 1 good.conf --run run --threads two
    aside refused 2 "100000 threads per rank: at most*" \
        train 1 good.conf --run run --threads 100000
    aside refused 2 "'more.conf' is one operand too many*" train 1 good.conf more.conf
    aside refused 2 "usage: lockstep train CONFIG; see 'lockstep train --help'" "$LOCKSTEP" train
}

@test "missing, damaged and foreign data sets are refused" {
    good
    aside refused 1 "cannot open 'none.h5': No such file or directory" \
        train 1 good.conf --run run --data none.h5
    aside refused 1 "'good.conf' is *, not an HDF5 file" \
        train 1 good.conf --run run --data good.conf
    to=$BATS_TEST_TMPDIR
    head -c 9000 letters.h5 >"$to/cut.h5"
    aside refused 1 "*'$to/cut.h5'*" train 1 good.conf --run run --data "$to/cut.h5"
    n=0
    for harm in 'del f["train/labels"]' 'del f.attrs["mean"]' 'del f["test"]' \
        'f["train/labels"][7] = 26' 'f.attrs.modify("format_version", 9)' \
        'f.attrs.modify("std", 0.0)'; do
        harmed=$to/harmed-$((++n)).h5
        cp letters.h5 "$harmed"
        /usr/bin/python3 -c "import h5py
with h5py.File('$harmed', 'r+') as f: $harm"
        aside refused 1 "*'$harmed'*" train 1 good.conf --run run --data "$harmed"
    done
}

@test "several ranks print the message once" {
    good
    for args in '--set train.bacth=3' '--data none.h5' '--thread 2'; do
        # shellcheck disable=SC2086
        run train 3 good.conf --run run $args
        echo "$output"
        [ "$status" -eq 1 ] || [ "$status" -eq 2 ]
        [ "$(grep -c '^lockstep: ' <<<"$output")" -eq 1 ]
        [ "$(grep -c '^\[rank ' <<<"$output")" -eq 0 ]
    done
}

# Open MPI would make a session folder there, the same for all programs without mpirun.
@test "programs without mpirun do not share a folder: they can start at the same moment" {
    good
    TMPDIR=/proc/none train 1 good.conf --run run --check | grep '^checked: '
}

@test "the help lists every key with its default, and a stored config can be read back" {
    good
    "$LOCKSTEP" train --help >"$BATS_TEST_TMPDIR/help"
    run awk '/^Config keys in \[/ { n++ } /^  (batch|lr|every_minutes|intra|elastic) / { k++ }
        END { print n, k }' "$BATS_TEST_TMPDIR/help"
    [ "$output" = "13 6" ]
    cd "$BATS_TEST_TMPDIR" || return
    cp work/letters.h5 .
    train 1 work/good.conf --run one --set train.steps=2 \
        --set optim.kind=adamw --set augment.elastic=0.123456789 >one.out
    h5 one/checkpoints/best.h5 >stored.conf <<<'print(f[0].attrs["config"].decode())'
    grep -q '^elastic = 0.123456789$' stored.conf
    train 1 stored.conf --run two >two.out
    same_state one.out two.out
    grep -qx 'layer = conv 8 kernel=5' stored.conf
}

@test "the words of other programs lead to keys and commands" {
    while read -r option key; do
        refused 2 "unknown option '$option'; did you mean '--set $key=VALUE'?" \
            "$LOCKSTEP" train "$TINY" --data letters.h5 "$option" 3
    done <<'END'
--batch-size train.batch
--learning_rate optim.lr
--num_epochs train.epochs
--optimizer optim.kind
--lr_scheduler schedule.kind
--weight-decay optim.weight_decay
END
    refused 2 "unknown option '--lr=0.1'; did you mean '--set optim.lr=VALUE'?" \
        "$LOCKSTEP" train "$TINY" --data letters.h5 --lr=0.1
    refused 2 "'--set num_epochs=3': expected section.key=value; did you mean 'train.epochs=3'?" \
        "$LOCKSTEP" train "$TINY" --data letters.h5 --set num_epochs=3
    refused 2 "unknown option '--lr'; *" "$LOCKSTEP" data info letters.h5 --lr 3
    [[ $stderr != *optim.lr* ]]
    "$LOCKSTEP" val --help | grep -q '^Usage: lockstep eval '
}
