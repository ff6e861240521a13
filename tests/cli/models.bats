#!/usr/bin/env bats
# Networks by name: the list, the config that a user copies, and names in place of files.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 60 30
}

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

# names: of all networks.
names() {
    "$LOCKSTEP" models --json |
        python3 -c 'import json, sys; print(*(n["name"] for n in json.load(sys.stdin)))'
}

# network CONFIG: its lines that say what the network is.
network() {
    sed -nE 's/ +#.*//; s/ +/ /g; /^(\[block|parameters =|layer =)/p' "$1"
}

@test "the list has each network once, with its size and accuracy" {
    "$LOCKSTEP" models >list
    for name in $(names); do
        [ "$(grep -cE "^  $name +[0-9]+x[0-9]+x[13] +[0-9]+ +[0-9]+ +[0-9]+\.[0-9] " list)" = 1 ]
    done
    grep -qE '^  resnet18 +224x224x3 +1000 +11689512 +1814\.1 +69\.76 +ImageNet +torchvision' list
    grep -qE '^  resnet20 +32x32x3 +10 +269722 .* 91\.25 +CIFAR-10 +He et al\. 2016' list
    grep -qE '^Other names: airbench94 is cifar_fast, .*[a-z0-9]\.$' list
    for alias in $("$LOCKSTEP" models --json | grep -oP '"alias": "\K[^"]+'); do
        grep -qE "[ ,]$alias is [a-z0-9_]+[,.]" list
    done
    refused 2 "'--json' is for the list: leave out 'resnet18'" \
        "$LOCKSTEP" models resnet18 --json
}

@test "the table of the documents is the list" {
    "$LOCKSTEP" models --json >list.json
    python3 - list.json >rows <<'END'
import json, sys
for n in json.load(open(sys.argv[1])):
    names = " ".join(f"`{name}`" for name in (n["name"], n["alias"]) if name)
    accuracy = f"{n['accuracy']:.2f} %, {n['data']}" if n["accuracy"] else ""
    print(f"| {names} | {n['height']}x{n['width']}x{n['channels']} | {n['classes']} "
          f"| {n['parameters']:,} | {n['macs'] / 1e6:,.1f} | {accuracy} | {n['source']} |")
END
    [ "$(wc -l <rows)" -ge 19 ]
    while IFS= read -r row; do
        grep -qxF "$row" "$ROOT/docs/networks.md" || { echo "missing: $row"; return 1; }
    done <rows
}

@test "a printed config is what the name stands for" {
    for name in letters lenet5 mobilenet_v3_small; do
        "$LOCKSTEP" models $name >my.conf
        for config in my.conf $name; do
            train 1 $config --check >said 2>&1
            sed -n '/^  layer /,/^memory/p' said >$config.table
        done
        same_text "$(<my.conf.table)" "$(<$name.table)"
    done
    "$LOCKSTEP" models letters | diff - "$LETTERS"
}

@test "a name trains, and the run's config makes the same run again" {
    train 1 lenet5 --set train.steps=3 --set optim.lr=0.03 >named
    [ -f runs/lenet5/config.conf ]
    "$LOCKSTEP" models lenet5 >my.conf
    train 1 my.conf --set train.steps=3 --set optim.lr=0.03 >printed
    "$LOCKSTEP" train runs/lenet5/config.conf --threads 1 --run again >again.out
    same_state named printed again.out
    same_text "$(grep -v '^file =\|^threads =' runs/lenet5/config.conf)" \
        "$(grep -v '^file =\|^threads =' again/config.conf)"
    "$LOCKSTEP" show runs/lenet5 | grep -q 'optim.lr=0.03'
}

@test "a run goes on from its own config, which has what was changed" {
    train 1 lenet5 --set schedule.kind=constant --set train.steps=2 >first
    refused 2 "'runs/lenet5' already holds a run; go on with it by --resume*" \
        "$LOCKSTEP" train runs/lenet5/config.conf
    cp runs/lenet5/config.conf before
    refused 2 "cannot resume: train.batch was '64' and is now '30'*" \
        "$LOCKSTEP" train runs/lenet5/config.conf --resume --set train.batch=30
    same_text "$(<before)" "$(<runs/lenet5/config.conf)"
    "$LOCKSTEP" train runs/lenet5/config.conf --resume --set train.steps=4 >second 2>&1
    grep -q 'resumed with a changed key: train.steps 2 -> 4' second
    grep -qx 'steps = 4' runs/lenet5/config.conf
    train 1 lenet5 --set schedule.kind=constant --set train.steps=4 --run whole >whole.out
    same_state second whole.out
}

@test "a file of the user's in the folder of a run is not written over" {
    mkdir run
    cp "$TINY" run/config.conf
    refused 2 "*'run/config.conf' cannot be written: it is what is read" \
        "$LOCKSTEP" train run/config.conf --data letters.h5 --run run
    refused 2 "*'run/config.conf' cannot be written: it is *, not the config of a run*" \
        "$LOCKSTEP" train "$TINY" --data letters.h5 --run run
    cmp "$TINY" run/config.conf
}

@test "--image-size is the network's input, and the size of imported pictures" {
    refused 2 "data.input = 64x64 is larger than the images of 'letters.h5'*" \
        "$LOCKSTEP" train resnet20 --data letters.h5 --image-size 64 --check
    refused 2 "'--image-size x': expected pixels, like 28 or 32x24, up to 4096" \
        "$LOCKSTEP" train resnet20 --data letters.h5 --image-size x --check
    refused 2 "'--image-size' needs pixels, like 28 or 32x24" \
        "$LOCKSTEP" train resnet20 --data letters.h5 --image-size "" --check
    train 1 resnet20 --image-size 20x24 --check | grep -qE '^  conv1 +20x24x16 '
    py <<'END'
import pictures
pictures.folder("pictures", h=50, w=40)
END
    "$LOCKSTEP" train mobilenetv3_small --data pictures --image-size 36 --check \
        >said 2>&1
    grep -qE '^  features.0.0 +36x36x16 ' said
    grep -q 'note: images of 36x36: this network has other first layers for images of up to 64 pixels' said
    "$LOCKSTEP" train mobilenetv3_small --data pictures --check >said 2>&1
    grep -qE '^  features.0.0 +112x112x16 ' said
    run ! grep -q 'note: images of' said
}

@test "images so small that a layer reads a single pixel are noted" {
    size() { # N: the note on images of NxN
        train 1 resnet18 --check --image-size "$1" 2>&1 >/dev/null | grep 'too small' || :
    }
    [ "$(size 8)" = "note: images of 8x8 are too small for this network's strides: layer4.0.conv2 (kernel 3x3, stride 1x1) reads a single pixel; use images of at least 9x9" ]
    # its strides are in conv1 of the blocks, and in the shortcuts
    [[ $(size 4) == "note: images of 4x4 "*": layer3.0.conv2 (kernel 3x3, "*" at least 9x9" ]]
    [[ $(size 1) == "note: images of 1x1 "*": conv1 (kernel 3x3, "*" at least 9x9" ]]
    [ -z "$(size 9)" ]
    # behind the pool of all pixels an image is of one pixel by design
    printf '%s\n' [model] 'layer = conv 8 kernel=1' 'layer = globalavgpool' \
        'layer = conv 8 kernel=3 pad=1' 'layer = flatten' 'layer = linear classes' \
        'layer = logsoftmax' >one.conf
    ! train 1 one.conf --check --image-size 2 2>&1 | grep 'too small' || return 1
    printf '%s\n' [model] 'layer = conv 8 kernel=1 stride=2' 'layer = conv 8 kernel=1 stride=2' \
        'layer = flatten' 'layer = linear classes' 'layer = logsoftmax' >strides.conf
    train 1 strides.conf --check --image-size 2 2>&1 |
        grep -q ': conv2 (kernel 1x1, stride 2x2) reads a single pixel; use images of at least 3x3$'
}

@test "what only measures takes a name, and draws its images in the network's size" {
    "$LOCKSTEP" bench layers mobilenetv3_small --grain 1 --image-size 40 >said
    grep -q '^  features.11.block.3.0' said
    "$LOCKSTEP" bench step lenet5 --batch 16 --threads 1 --repeats 1 --train >said
    grep -qE '^ +1 +1 +16 +16 ' said
    refused 2 "no file and no network is named 'lenet'; did you mean 'lenet5'?" \
        "$LOCKSTEP" bench layers lenet
    refused 2 "vgg16:*: *" "$LOCKSTEP" bench layers vgg16 --image-size 16
}

@test "a wrong name, a file of that name, and images that are too small" {
    refused 2 "no file and no network is named 'resnt18'; did you mean 'resnet18'?" \
        "$LOCKSTEP" train resnt18 --data letters.h5
    refused 2 "no network is named 'ResNet1'; did you mean resnet18 or resnet18_cifar?" \
        "$LOCKSTEP" models ResNet1
    refused 2 "no network is named 'resnt18'; did you mean 'resnet18'?" \
        "$LOCKSTEP" models resnt18
    refused 2 "no file and no network is named 'transformer'; 'lockstep models' lists the networks" \
        "$LOCKSTEP" train transformer --data letters.h5
    refused 2 "cannot open './resnet18': *" \
        "$LOCKSTEP" train ./resnet18 --data letters.h5
    refused 2 "vgg16:*: maxpool5: *" "$LOCKSTEP" train vgg16 --data letters.h5
    cp "$TINY" lenet5
    train 1 lenet5 --check >said 2>&1
    grep -q "note: 'lenet5' is a file here: it is read, not the network of that name" said
    grep -qE '^  conv1 +24x24x8 ' said
    rm lenet5
    mkdir lenet5 # a folder is no config
    train 1 lenet5 --check | grep -qE '^  conv1 +28x28x6 '
    [ ! -e runs ]
}
