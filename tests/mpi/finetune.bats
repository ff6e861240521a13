#!/usr/bin/env bats
# Runs that begin with the weights of a network with another head, and of which layers stay as
# they are: the same bits for every layout.
# Core: part of `make test`.

OPTIONS=(--set train.epochs=2 --set log.every=5 --set train.seed=7)

# 308 images in batches of 48 make 7 steps an epoch, the last of 20 images; a run ends at
# step 14.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 1600 60
    "$LOCKSTEP" data export letters.h5 pictures >/dev/null
    mkdir few
    for split in train test; do
        mkdir -p "few/$split"
        cp -r "pictures/$split/"{A,B,C,D,E} "few/$split/"
    done
    "$LOCKSTEP" data import few --out few.h5 >/dev/null
    cat >net.conf <<'END'
[model]
layer = conv 8 kernel=3 stride=2 as=stem
layer = batchnorm
layer = relu as=early
layer = conv 8 kernel=3 pad=1 as=deep.conv
layer = batchnorm as=deep.norm
layer = relu
layer = droppath p=0.3
layer = add from=early
layer = conv 16 kernel=3 stride=2 as=late
layer = batchnorm
layer = relu
layer = globalavgpool
layer = dropout p=0.3
layer = linear classes as=head
layer = logsoftmax
[train]
batch = 48
grain = 16
ema = 0.9
[optim]
lr = 0.05
momentum = 0.9
weight_decay = 0.01
END
    train 2 net.conf --run whole --set train.epochs=1 >whole.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    DATA=few.h5
}

# tune RANKS NAME [OPTION...]: fine-tunes `whole` for the five classes.
tune() {
    train "$1" net.conf --run "$2" --pretrained whole "${OPTIONS[@]}" "${@:3}" >"$2.out"
}

@test "ranks, threads and stages have the same bits, whatever is frozen" {
    for freeze in none deep backbone; do
        tune 1 $freeze-1 --freeze $freeze
        tune 2 $freeze-2 --freeze $freeze
        tune 3 $freeze-3 --freeze $freeze --threads 2
        tune 1 $freeze-4 --freeze $freeze --threads 2 --set parallel.intra=channel
        tune 2 $freeze-5 --freeze $freeze --set parallel.pipeline=2 --set parallel.overlap=off
        tune 3 $freeze-6 --freeze $freeze --set parallel.pipeline=3
        same_state $freeze-{1,2,3,4,5,6}.out
    done
    other_state none-1.out deep-1.out
    other_state deep-1.out backbone-1.out
}

@test "a run that is stopped goes on elsewhere with the same bits" {
    tune 1 through --freeze deep
    tune 2 parts --freeze deep --set train.steps=5
    tune 1 parts --freeze deep --set train.steps=9 --threads 2 --resume
    tune 3 parts --freeze deep --resume
    same_state through.out parts.out
}

@test "runs that are killed go on with the same bits, with mixed images or features" {
    more=(--set checkpoint.every_steps=4 --set log.every=1 --set train.seed=7)
    mixed=("${more[@]}" --pretrained whole --freeze deep --set train.mixup=0.4 --set train.cutmix=1)
    kept=("${more[@]}" --pretrained whole --freeze backbone --set finetune.cache=kept)
    for way in mixed kept; do
        declare -n options=$way
        start 2 $way net.conf "${options[@]}" "${ENDLESS[@]}"
        until_lines $way 10
        kill -KILL "${PIDS[1]}"
        ended || :
        ends_as_undisturbed 3 $way net.conf "${options[@]}" --threads 2
    done
    grep -q '^features ' kept.out
}

teardown() {
    end_job
}

@test "a run that goes on does not need the weights that it began with" {
    cp -r whole moved
    train 1 net.conf --run rest --pretrained moved "${OPTIONS[@]}" --set train.steps=5 >rest.out
    rm -r moved
    train 2 net.conf --run rest --pretrained moved "${OPTIONS[@]}" --resume >rest.out
    tune 1 through
    same_state through.out rest.out
    run ! grep '^weights ' rest.out
    refused 1 "*'moved'*" train 1 net.conf --run fresh --pretrained moved --resume
}

@test "groups that begin late and rates that fall with depth have the same bits everywhere" {
    late=(--set "group early.match=stem, deep*" --set "group early.from=0.8"
          --set optim.layer_decay=0.7 --set "group top.match=linear*" --set "group top.lr=3")
    sed 's/ as=head//' net.conf >late.conf
    for kind in adamw lamb; do
        options=("${OPTIONS[@]}" "${late[@]}" --set "optim.kind=$kind" --set optim.lr=0.01
                 --set optim.lookahead=3)
        train 1 late.conf --run $kind-1 "${options[@]}" >$kind-1.out
        train 3 late.conf --run $kind-3 "${options[@]}" --threads 2 >$kind-3.out
        train 2 late.conf --run $kind-p "${options[@]}" --set parallel.pipeline=2 >$kind-p.out
        train 2 late.conf --run $kind-r "${options[@]}" --set train.steps=7 >$kind-r.out
        train 1 late.conf --run $kind-r "${options[@]}" --resume >$kind-r.out
        same_state $kind-{1,3,p,r}.out
    done
    h5 adamw-1/checkpoints/step-*14.h5 <<'END'
assert np.abs(f[0]["optimizer/m/stem/weight"][:]).max() > 0
END
}

@test "a new head answers all classes alike, whatever its init says" {
    sed 's/^layer = linear classes/& init=uniform_out/' net.conf >wild.conf
    train 1 wild.conf --run first --pretrained whole --set train.steps=1 --set log.every=1 >first.out
    grep -Eq '^ +1 +0\.14 +1\.6094 ' first.out # ln 5
    train 1 wild.conf --run random --set train.steps=1 --set log.every=1 >random.out
    run ! grep -Eq '^ +1 +0\.14 +1\.6094 ' random.out
}

@test "frozen layers keep their weights and statistics, and have no optimizer state" {
    tune 1 deep --freeze deep
    h5 whole/checkpoints/best.h5 deep/checkpoints/step-*14.h5 <<'END'
for name in ("stem", "batchnorm1", "deep.conv", "deep.norm"):
    for tensor in f[0]["ema/" + name]:
        path = f"{name}/{tensor}"
        for group in ("weights", "ema"):
            assert np.array_equal(f[0]["ema/" + path][:], f[1][f"{group}/{path}"][:]), path
    assert name not in f[1]["optimizer/momentum"], name
for name in ("late", "batchnorm3"):
    assert not np.array_equal(f[0][f"ema/{name}/weight"][:], f[1][f"weights/{name}/weight"][:])
    assert name in f[1]["optimizer/momentum"]
mean = "batchnorm3/running_mean"  # statistics stay, as by default, where weights learn
assert np.array_equal(f[0]["ema/" + mean][:], f[1]["weights/" + mean][:])
assert f[1]["weights/head/weight"].shape == (5, 16)
END
}

@test "the log tells what is taken and what learns" {
    tune 1 told --freeze backbone
    grep -qx "weights    18 tensors of 'whole/checkpoints/best.h5', head new for 5 classes" told.out
    grep -Eqx 'learning   [0-9]+ of [0-9]+ parameters' told.out
}

@test "images are normalised as they were for the weights, unless the config says how" {
    tune 1 as-before --set train.steps=1
    h5 whole/checkpoints/best.h5 as-before/checkpoints/step-*1.h5 letters.h5 few.h5 <<'END'
for key in ("mean", "std"):
    assert abs(f[1].attrs[key] - f[0].attrs[key]) < 1e-12
    assert f[0].attrs[key] == f[2].attrs[key] != f[3].attrs[key]
END
    tune 1 otherwise --set train.steps=1 --set data.mean=51 --set data.std=102
    h5 otherwise/checkpoints/step-*1.h5 <<'END'
assert abs(f[0].attrs["mean"] - 0.2) < 1e-12 and abs(f[0].attrs["std"] - 0.4) < 1e-12
END
    "$LOCKSTEP" eval otherwise --data few.h5 >/dev/null
}

@test "statistics learn if finetune.statistics says so, but not those of frozen layers" {
    tune 1 trained --freeze deep --set finetune.statistics=trained
    h5 whole/checkpoints/best.h5 trained/checkpoints/step-*14.h5 <<'END'
for name, same in (("batchnorm1", True), ("deep.norm", True), ("batchnorm3", False)):
    path = name + "/running_mean"
    assert np.array_equal(f[0]["ema/" + path][:], f[1]["weights/" + path][:]) == same, name
END
}

@test "--init of a run with other classes makes a new head, of one with the same takes it" {
    train 1 net.conf --run other --init whole --set train.steps=1 >other.out
    grep -q "^weights .*18 tensors .*, head new for 5 classes" other.out
    DATA=letters.h5 train 1 net.conf --run same --init whole --set train.steps=1 \
        --set optim.lr=0 >same.out
    grep -qx "weights    20 tensors of 'whole/checkpoints/best.h5'" same.out
    h5 whole/checkpoints/best.h5 same/checkpoints/step-*1.h5 <<'END'
assert np.array_equal(f[0]["ema/head/weight"][:], f[1]["weights/head/weight"][:])
END
}

@test "what does not fit is refused in a line, and nothing is touched" {
    sed 's/^layer = conv 16 /layer = conv 24 /' net.conf >wide.conf
    refused 2 "'whole/checkpoints/best.h5' is of another network: 'late.weight' is 16x8x3x3 there and 24x8x3x3 here" \
        train 1 wide.conf --run never --pretrained whole
    sed 's/as=late/as=last/' net.conf >named.conf
    refused 2 "'whole/checkpoints/best.h5' is of another network: it has no 'last'" \
        train 1 named.conf --run never --pretrained whole
    sed '/as=late/d' net.conf >short.conf
    refused 2 "'whole/checkpoints/best.h5' is of another network: its 'late' has no place here" \
        train 1 short.conf --run never --pretrained whole
    "$LOCKSTEP" data import few --out colour.h5 --channels 3 >/dev/null
    DATA=colour.h5 refused 2 "'whole/checkpoints/best.h5' is for grey images, and those of the data set are RGB; *" \
        train 1 net.conf --run never --pretrained whole
    refused 2 "finetune.freeze: the network has no layer 'deep.cnv'; did you mean 'deep.conv'?" \
        train 1 net.conf --run never --pretrained whole --freeze deep.cnv
    refused 2 "finetune.freeze = head freezes all layers*" \
        train 1 net.conf --run never --pretrained whole --freeze head
    refused 2 "--pretrained and --init exclude each other*" \
        train 1 net.conf --run never --pretrained whole --init whole
    refused 2 "data.std = 0: expected one number from 0.001 to 255" \
        train 1 net.conf --run never --set data.std=0
    refused 1 "'few.h5' is a data set, not a checkpoint" \
        train 1 net.conf --run never --pretrained few.h5
    [ ! -e never ]
}
