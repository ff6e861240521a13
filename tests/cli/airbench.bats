#!/usr/bin/env bats
# Whitened filters, views of images, ends of groups: what is refused, and what predict says.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 300 60
    head >head.conf
    train 1 head.conf --run run --set train.steps=2 >run.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# head LINE: a network whose first layer is that line.
head() {
    printf '[model]\nlayer = %s\nlayer = gelu\nlayer = maxpool 4\nlayer = flatten\n' \
        "${1-conv 8 kernel=2 init=whiten frozen=weight}"
    printf 'layer = linear classes\nlayer = logsoftmax\n[train]\nbatch = 60\n'
}

# bad LINE TEXT: a network with that first line is refused.
bad() {
    head "$1" >bad.conf
    refused 2 "bad.conf:$2" train 1 bad.conf --run other
    [ ! -e other ]
}

# wrong SETTING TEXT
wrong() {
    refused 2 "--set: $2" train 1 head.conf --run other --set "$1"
    [ ! -e other ]
}

@test "whitened filters that cannot be are refused" {
    bad 'conv 8 kernel=5 pad=3 dilation=2 init=whiten' "2: conv1: init=whiten needs whole patches of its input 28x28x1, without dilation"
    bad 'conv 8 kernel=12 init=whiten' "2: conv1: init=whiten takes patches of at most 128 values, not 12x12x1"
    bad $'relu\nlayer = conv 8 kernel=2 init=whiten' "3: conv1: init=whiten is for a layer that reads the network's input, not 'relu1'"
    bad 'conv 8 kernel=2 init=whitten' "2: conv1: unknown init 'whitten', did you mean 'whiten'?"
    bad 'conv 8 kernel=2 frozen=wieght' "2: conv1: unknown frozen 'wieght', did you mean 'weight'?"
    bad 'depthwise kernel=2 init=whiten' "2: depthwise1: *init*'whiten'*"
}

@test "norms and scales that cannot be are refused" {
    bad $'conv 8 kernel=2\nlayer = batchnorm affine=weight' "3: batchnorm1: unknown affine 'weight'*"
    bad $'conv 8 kernel=2\nlayer = scale' "3: scale1: by=NUMBER is missing, and may not be 0"
    bad $'conv 8 kernel=2\nlayer = scale by=1/9' "3: scale1: by '1/9' is not a number *"
    bad $'conv 8 kernel=2\nlayer = scale 2' "3: scale1: '2' is one value too many, did you mean 'by=2'?"
}

@test "keys of groups, schedules and evaluations that cannot be are refused" {
    wrong 'group a.epochs=-1' "'epochs = -1': expected a number from 0 to 1000000"
    wrong 'group a.decay=none' "'decay = none': expected weights | all"
    wrong 'group a.epoch=2' "unknown key 'epoch' in a group; did you mean 'epochs'?"
    wrong 'schedule.start=2' "'start = 2': expected a number from 0 to 1"
    wrong 'train.epochs=0' "'epochs = 0': expected a number from 0.001 to 1000000"
    wrong 'eval.views=mirrored' "'views = mirrored': expected none | mirror | mirror+shift"
    wrong 'augment.fill=reflected' "'fill = reflected': expected * | reflect"
    refused 2 "*group 'a': 'conv1.weight' matches no trained tensor*" train 1 head.conf \
        --run other --set 'group a.match=conv1.weight'
}

@test "views that cannot be are refused" {
    refused 2 "'--views miror': did you mean 'mirror'?" \
        "$LOCKSTEP" eval run --data letters.h5 --views miror
    refused 2 "'--views all': expected none, mirror or mirror+shift" \
        "$LOCKSTEP" predict run x.png --views all
    refused 2 "'--tta five': expected none, flip or multi" \
        "$LOCKSTEP" eval run --data letters.h5 --tta five
    refused 2 "'--views' and '--tta' say the same: give one of them" \
        "$LOCKSTEP" eval run --data letters.h5 --tta flip --views mirror
}

@test "--tta is another word for --views" {
    local pair
    for pair in flip:mirror multi:mirror+shift; do
        "$LOCKSTEP" eval run --data letters.h5 --tta "${pair%:*}" --out tta.h5 --force >tta.out
        "$LOCKSTEP" eval run --data letters.h5 --views "${pair#*:}" --out views.h5 --force >/dev/null
        grep -qx "views  *${pair#*:}" tta.out
        h5 tta.h5 views.h5 <<<'assert np.array_equal(f[0]["logprobs"][:], f[1]["logprobs"][:])'
    done
    "$LOCKSTEP" data export letters.h5 out >/dev/null
    picture=$(find out/test -name '*.png' | sort | sed -n 1p)
    "$LOCKSTEP" predict run "$picture" --tta multi --top 26 >tta.txt
    "$LOCKSTEP" predict run "$picture" --views mirror+shift --top 26 >views.txt
    same_text "$(<tta.txt)" "$(<views.txt)"
}

@test "predict averages the answers to several views, as eval does" {
    "$LOCKSTEP" data export letters.h5 out >/dev/null
    find out/test -name '*.png' | sort >names
    local views
    for views in none mirror+shift; do
        "$LOCKSTEP" predict run --from names --views "$views" >"$views.out"
        "$LOCKSTEP" eval run --data letters.h5 --views "$views" --out "$views.h5" >eval.out
        VIEWS=$views h5 "$views.h5" <<'END'
import os, re
share, classes = np.exp(f[0]["logprobs"][:]), [c.decode() for c in f[0].attrs["classes"]]
lines = [line for line in open(os.environ["VIEWS"] + ".out") if ".png" in line]
assert len(lines) == len(share) == 60
for line in lines:
    i, name, percent = re.search(r"(\d+)\.png:? *(\S+) ([0-9.]+) %", line).groups()
    best = share[int(i)].argmax()
    assert abs(share[int(i), best] - float(percent) / 100) < 1e-3, line
    assert share[int(i), classes.index(name)] > share[int(i), best] - 1e-3, line
END
    done
    other_text "$(cat none.out)" "$(cat mirror+shift.out)"
    "$LOCKSTEP" predict run --from names >default.out
    same_text "$(cat none.out)" "$(cat default.out)"
}
