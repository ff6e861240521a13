#!/usr/bin/env bats
# lockstep weights: what other programs trained becomes a checkpoint, and back.
# Core: part of `make test`.

bats_require_minimum_version 1.5.0

# A trained network with norms, blocks and the names of torchvision and of timm.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    /usr/bin/python3 - <<'END'
# pictures/SPLIT/CLASS/N.png: noise around a colour
import os, numpy as np
from PIL import Image
random = np.random.default_rng(1)
for split, count in ("train", 16), ("test", 4):
    for label, colour in ("A", (200, 40, 40)), ("B", (40, 200, 40)), ("C", (40, 40, 200)):
        os.makedirs(f"pictures/{split}/{label}")
        for i in range(count):
            pixels = random.integers(-30, 30, (28, 28, 3)) + colour
            Image.fromarray(pixels.astype("u1")).save(f"pictures/{split}/{label}/{i}.png")
END
    "$LOCKSTEP" data import pictures --out colours.h5 >/dev/null
    DATA=colours.h5
    train 1 mobilenetv2 --run run --set train.steps=1 --set train.batch=8 --set train.grain=8 \
        --set train.ema=0 >run.out
    "$LOCKSTEP" weights export run --out own.safetensors >/dev/null
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    DATA=colours.h5
    AS=(--as mobilenetv2 --size 28 --preprocess "127,128")
}

# state_of FILE: its state=.
state_of() {
    "$LOCKSTEP" show "$1" | sed -n 's/.*state=//p' | head -n 1
}

@test "what was exported is read back to the bit, by each program's names" {
    "$LOCKSTEP" weights export run --names timm --out timm.safetensors >/dev/null
    for names in own timm; do
        "$LOCKSTEP" weights import $names.safetensors "${AS[@]}" --out $names.h5 >$names.out
        "$LOCKSTEP" weights export $names.h5 --out again-$names.safetensors >/dev/null
    done
    grep -qx "own.h5: 262 tensors of 'own.safetensors' by their names, 3 classes, .*" own.out
    grep -q "by timm's names" timm.out
    cmp again-own.safetensors again-timm.safetensors
    same_text "$(state_of own.h5)" "$(state_of timm.h5)"
    python3 - <<'END'
import json, struct
names, notes, data = {}, {}, {}
for file in ("own", "timm", "again-own"):
    with open(f"{file}.safetensors", "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        data[file] = f.read()
    notes[file] = header.pop("__metadata__")
    names[file] = set(header)
assert data["own"] == data["timm"] == data["again-own"]
assert notes["own"]["lockstep.classes"] == "A\nB\nC" and notes["own"]["lockstep.image"] == "28x28x3"
assert notes["own"]["lockstep.input"] == "28x28x3" and notes["own"]["lockstep.shift"] == "0,0"
assert notes["again-own"]["lockstep.pixel_mean"] == "127,127,127"
assert "features.0.0.weight" in names["own"] and "classifier.1.bias" in names["own"]
assert "conv_stem.weight" in names["timm"] and "blocks.6.0.bn3.running_var" in names["timm"]
assert len(names["own"]) == len(names["timm"]) == 262
END
}

@test "EfficientNet-Lite0 is exported by each program's names, too" {
    train 1 efficientnet_lite0 --run lite0 --set train.steps=1 --set train.batch=2 --set train.grain=2 \
        >/dev/null
    for names in lockstep timm lukemelas; do
        "$LOCKSTEP" weights export lite0 --names $names --out $names.safetensors >/dev/null
    done
    cmp lockstep.safetensors lukemelas.safetensors # whose names the network has
    run ! cmp -s lockstep.safetensors timm.safetensors
    refused 2 "'--names lukemelas': there is no table of its names for this network" \
        "$LOCKSTEP" weights export run --names lukemelas --out never.safetensors
    [ ! -e never.safetensors ]
}

@test "an imported network evaluates and predicts, and fine-tunes" {
    "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --out w.h5 --classes <(printf 'A\nB\nC\n') \
        >/dev/null
    "$LOCKSTEP" eval w.h5 --data colours.h5 --split test | grep -q '(.* of 12)'
    "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --out numbers.h5 >/dev/null
    refused 1 "'numbers.h5' does not know 3 of the 3 classes of 'colours.h5': *; its own are numbers: *(--classes)*" \
        "$LOCKSTEP" eval numbers.h5 --data colours.h5
    "$LOCKSTEP" predict w.h5 pictures/test/B/2.png | grep -q '%'
    train 1 mobilenetv2 --run tuned --pretrained w.h5 --freeze backbone --set train.steps=1 \
        --set train.batch=8 >tuned.out
    grep -q "^weights    262 tensors of 'w.h5'$" tuned.out # the same classes
    grep -Eq '^  features.0.0 .* frozen( |$)' tuned.out
    for grain in frozen:8 trained:16; do # the recipe's, by whose statistics norms have
        train 1 mobilenetv2 --run never --pretrained w.h5 --check \
            --set finetune.statistics=${grain%:*} >check.out
        grep -q "micro-batch (grain): ${grain#*:} images" check.out
    done
    h5 w.h5 <<'END'
assert list(f[0].attrs["mean"]) == [127 / 255] * 3 and list(f[0].attrs["std"]) == [128 / 255] * 3
END
}

@test "the mean and the deviation of torchvision, and three of each" {
    "$LOCKSTEP" weights import own.safetensors --as mobilenetv2 --preprocess torchvision \
        --out tv.h5 >/dev/null
    "$LOCKSTEP" weights import own.safetensors --as mobilenetv2 --size 32x64 \
        --preprocess 1,2,3,51,102,255 --out six.h5 >/dev/null
    h5 tv.h5 six.h5 <<'END'
assert list(f[0].attrs["mean"]) == [0.485, 0.456, 0.406]
assert list(f[0].attrs["std"]) == [0.229, 0.224, 0.225]
assert np.allclose(f[1].attrs["mean"] * 255, [1, 2, 3], rtol=0, atol=1e-12)
assert np.allclose(f[1].attrs["std"] * 255, [51, 102, 255], rtol=0, atol=1e-12)
assert (f[0].attrs["height"], f[1].attrs["height"], f[1].attrs["width"]) == (224, 32, 64)
END
}

# arrays EDIT: writes x.npz and x.h5 with the tensors of own.safetensors, after Python's EDIT
# of the dict `a`.
arrays() {
    /usr/bin/python3 - "$1" <<'END'
import json, struct, sys, h5py, numpy as np
with open("own.safetensors", "rb") as f:
    size = struct.unpack("<Q", f.read(8))[0]
    header, data = json.loads(f.read(size)), f.read()
header.pop("__metadata__")
a = {}
for name, of in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    begin, end = of["data_offsets"]
    a[name] = np.frombuffer(data[begin:end], "<f4").reshape(of["shape"]).copy()
exec(sys.argv[1])
np.savez("x.npz", **a)
with h5py.File("x.h5", "w") as f:
    for name, value in a.items():
        f[name.replace(".", "/")] = value
END
}

@test "the same from NumPy's and HDF5's files, and with a prefix" {
    "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --out w.h5 >/dev/null
    arrays 'a = {"module." + name: value for name, value in a.items()}'
    for file in x.npz x.h5; do
        "$LOCKSTEP" weights import $file "${AS[@]}" --out from-$file.h5 >/dev/null
        same_text "$(state_of w.h5)" "$(state_of from-$file.h5)"
    done
}

@test "without names the order decides, and every pair is shown" {
    "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --out w.h5 >/dev/null
    arrays 'a = {f"array{i:04}": value for i, value in enumerate(a.values())}'
    "$LOCKSTEP" weights import x.npz "${AS[@]}" --out order.h5 >order.out
    same_text "$(state_of w.h5)" "$(state_of order.h5)"
    [ "$(grep -c '^  .* <- array' order.out)" -eq 262 ]
    grep -qx '  features.0.0.weight <- array0000' order.out
    grep -q "^order.h5: 262 tensors of 'x.npz' in their order" order.out
}

@test "what is missing, left over or of another shape is named, and nothing is written" {
    arrays 'del a["features.0.0.weight"], a["classifier.1.bias"]'
    refused 2 "'x.npz' lacks 2 of the network's 262 tensors: 'features.0.0.weight', 'classifier.1.bias'" \
        "$LOCKSTEP" weights import x.npz "${AS[@]}" --out never.h5
    arrays 'a["extra.weight"] = np.zeros(3); a["features.0.1.num_batches_tracked"] = np.int64(7)'
    refused 2 "'x.npz' holds 1 array that this network has no place for: 'extra.weight'; --ignore*" \
        "$LOCKSTEP" weights import x.npz "${AS[@]}" --out never.h5
    "$LOCKSTEP" weights import x.npz "${AS[@]}" --ignore 'none,extra.*' --out fine.h5 >/dev/null
    arrays 'a["features.0.0.weight"] = np.zeros((32, 1, 3, 3), "f4")'
    refused 2 "'x.npz': 'features.0.0.weight' is 32x1x3x3 there and 'features.0.0.weight' is 32x3x3x3 here" \
        "$LOCKSTEP" weights import x.npz "${AS[@]}" --out never.h5
    arrays 'a["classifier.1.bias"] = np.zeros(4, "f4")'
    refused 2 "'x.npz': 'classifier.1.bias' is 4 there*" \
        "$LOCKSTEP" weights import x.npz "${AS[@]}" --out never.h5
    refused 2 "'own.safetensors' has none of the names of this network's tensors ('conv1.weight',*" \
        "$LOCKSTEP" weights import own.safetensors --as resnet18 --preprocess 1,2 --out never.h5
    [ ! -e never.h5 ]
}

# same_weights FILE CHECKPOINT: the checkpoint is exported with the numbers of FILE.
same_weights() {
    "$LOCKSTEP" weights export "$2" --out again.safetensors --force >/dev/null
    python3 - "$1" again.safetensors <<'END'
import struct, sys
def data(path):
    with open(path, "rb") as f:
        f.seek(8 + struct.unpack("<Q", f.read(8))[0])
        return f.read()
assert data(sys.argv[1]) == data(sys.argv[2]) != b""
END
}

# plain CONFIG LINE...: a network whose tensors depend on the size of its input.
plain() {
    printf '%s\n' '[data]' "${@:2}" '[model]' 'layer = conv 4 kernel=5 stride=4' 'layer = relu' \
        'layer = flatten' 'layer = linear classes' 'layer = logsoftmax' >"$1"
}

@test "a config that takes a part of the images is imported as it was trained" {
    plain part.conf 'size = 28' 'input = 20' 'shift_x = 2' 'shift_y = -1'
    train 1 part.conf --run part --set train.steps=1 --set train.batch=8 >/dev/null
    "$LOCKSTEP" weights export part --out part.safetensors >/dev/null
    python3 - <<'END'
import json, struct
with open("part.safetensors", "rb") as f:
    notes = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))["__metadata__"]
assert (notes["lockstep.image"], notes["lockstep.input"], notes["lockstep.shift"]) == (
    "28x28x3", "20x20x3", "2,-1")
END
    for config in part.conf part/config.conf; do
        "$LOCKSTEP" weights import part.safetensors --as $config --preprocess 127,128 \
            --out w.h5 --force --classes <(printf 'A\nB\nC\n') >out
        grep -q 'RGB images of 28x28, of which it sees 20x20$' out
        same_weights part.safetensors w.h5
    done
    "$LOCKSTEP" eval w.h5 --data colours.h5 >/dev/null
    refused 2 "'part.conf' has data.input = 20x20, which is larger than images of 16x16; give --size *" \
        "$LOCKSTEP" weights import part.safetensors --as part.conf --preprocess 127,128 \
        --size 16 --out never.h5
    [ ! -e never.h5 ]
}

# Its last tensors are a norm's, and those before it depend on the number of classes, too.
@test "a network that ends with a norm is imported for any number of classes" {
    printf '%s\n' '[model]' 'layer = conv classes kernel=5 stride=4' 'layer = batchnorm' \
        'layer = globalavgpool' 'layer = logsoftmax' >norm.conf
    train 1 norm.conf --run norm --set train.steps=1 --set train.batch=8 >/dev/null
    "$LOCKSTEP" weights export norm --out norm.safetensors >/dev/null
    as=(--as norm.conf --size 28 --preprocess "127,128")
    "$LOCKSTEP" weights import norm.safetensors "${as[@]}" --out w.h5 >out
    grep -q ', 3 classes, ' out
    same_weights norm.safetensors w.h5
    cat >edit.py <<'END'
import json, struct, sys, numpy as np
with open("norm.safetensors", "rb") as f:
    header, data = json.loads(f.read(struct.unpack("<Q", f.read(8))[0])), f.read()
header.pop("__metadata__")
a = {name: np.frombuffer(data[slice(*of["data_offsets"])], "<f4").reshape(of["shape"])
     for name, of in sorted(header.items(), key=lambda item: item[1]["data_offsets"])}
exec(sys.argv[1])
np.savez("x.npz", **a)
END
    # the same without names
    /usr/bin/python3 edit.py 'a = {f"array{i}": value for i, value in enumerate(a.values())}'
    "$LOCKSTEP" weights import x.npz "${as[@]}" --out w.h5 --force >out
    grep -q 'in their order, 3 classes, ' out
    same_weights norm.safetensors w.h5
    # a convolution for two classes before a norm for three
    /usr/bin/python3 edit.py 'a["conv1.weight"] = a["conv1.weight"][:2]'
    refused 2 "'x.npz': 'conv1.weight' is 2x3x5x5 there and 'conv1.weight' is 3x3x5x5 here" \
        "$LOCKSTEP" weights import x.npz "${as[@]}" --out never.h5
    /usr/bin/python3 edit.py 'a = {name: value[:1] for name, value in a.items()}'
    refused 2 "'x.npz' is for 1 classes; lockstep has networks for 2 to *" \
        "$LOCKSTEP" weights import x.npz "${as[@]}" --out never.h5
    [ ! -e never.h5 ]
}

@test "names of classes are normalised, and equal ones are refused" {
    printf '\n  cafe\xcc\x81 \n\nBird\r\n C' >names.txt # e and an accent
    "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --classes names.txt --out w.h5 >/dev/null
    h5 w.h5 <<'END'
names = [n.decode() if isinstance(n, bytes) else n for n in f[0].attrs["classes"]]
assert names == ["caf\u00e9", "Bird", "C"], names
END
    printf 'crane\n\nB\n crane\n' >twice.txt
    refused 2 "'twice.txt': lines 1 and 4 are both 'crane', but classes are known by their names: make the names differ, e.g. 'crane bird' *" \
        "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --classes twice.txt --out never.h5
    printf 'caf\xc3\xa9\nB\ncafe\xcc\x81\n' >twice.txt
    refused 2 "'twice.txt': lines 1 and 3 are both *" \
        "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --classes twice.txt --out never.h5
    printf 'A\nB\nC\xff\n' >bytes.txt
    refused 2 "'bytes.txt': line 3 is not UTF-8*" \
        "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --classes bytes.txt --out never.h5
    [ ! -e never.h5 ]
}

@test "mean and deviation in units of white are refused, whatever they look like" {
    for wrong in .485,.456,.406,.229,.224,.225 0.485,0.229 0,1 00.5,+0.25 5e-1,1.5; do
        refused 2 "'--preprocess $wrong': this looks like units of white, 0 to 1; *multiply*255" \
            "$LOCKSTEP" weights import own.safetensors --as mobilenetv2 --preprocess "$wrong" \
            --out never.h5
    done
    [ ! -e never.h5 ]
    for right in 0.0,255 0,255 0.5,127.5 103.94,116.78,123.68,1,1,1; do
        "$LOCKSTEP" weights import own.safetensors --as mobilenetv2 --preprocess "$right" \
            --out w.h5 --force >/dev/null
    done
}

@test "values that cannot be right are refused" {
    arrays 'a["features.3.conv.2.weight"][0, 0] = np.nan'
    refused 2 "'x.npz': 'features.3.conv.2.weight' holds NaN or infinite values" \
        "$LOCKSTEP" weights import x.npz "${AS[@]}" --out never.h5
    arrays 'a["features.0.1.running_var"][5] = -1'
    refused 2 "'x.npz': 'features.0.1.running_var' holds variances below 0" \
        "$LOCKSTEP" weights import x.npz "${AS[@]}" --out never.h5
    arrays 'a["features.0.0.weight"] = a["features.0.0.weight"].astype("i4")'
    refused 2 "'x.npz': 'features.0.0.weight' is of no type that can be read: F64, F32, F16 or BF16*" \
        "$LOCKSTEP" weights import x.npz "${AS[@]}" --out never.h5
    [ ! -e never.h5 ]
}

@test "other files and wrong options are refused in a line" {
    refused 1 "*'nothing.h5'*" \
        "$LOCKSTEP" weights import nothing.h5 "${AS[@]}" --out never.h5
    refused 1 "'colours.h5' is a data set, not *" \
        "$LOCKSTEP" weights import colours.h5 "${AS[@]}" --out never.h5
    /usr/bin/python3 -c 'import pickle; pickle.dump({"a": 1}, open("p.pth", "wb"), 2)'
    refused 1 "'p.pth' is a pickle, which can run any program when it is read*torch_to_safetensors.py*" \
        "$LOCKSTEP" weights import p.pth "${AS[@]}" --out never.h5
    refused 2 "which network are the weights of?*" \
        "$LOCKSTEP" weights import own.safetensors --out never.h5
    refused 2 "how were the images normalised*" \
        "$LOCKSTEP" weights import own.safetensors --as mobilenetv2 --out never.h5
    refused 2 "*'resnet19'*did you mean 'resnet1*" \
        "$LOCKSTEP" weights import own.safetensors --as resnet19 --preprocess 1,2 --out never.h5
    for wrong in 127 127,128,3 torch 127,0 a,b 0.485,0.229; do
        refused 2 "*--preprocess*" \
            "$LOCKSTEP" weights import own.safetensors --as mobilenetv2 --preprocess $wrong --out never.h5
    done
    printf 'A\nB\n' >two.txt
    refused 2 "'two.txt' has 2 names, and the weights are for 3 classes" \
        "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --classes two.txt --out never.h5
    refused 2 "*'own.safetensors'*" \
        "$LOCKSTEP" weights import own.safetensors "${AS[@]}" --out own.safetensors --force
    refused 2 "'own.safetensors' exists already; use --force to replace it" \
        "$LOCKSTEP" weights export run --out own.safetensors
    refused 2 "'colours.h5' cannot be written: it is a data set, not a safetensors file*" \
        "$LOCKSTEP" weights export run --out colours.h5 --force
    "$LOCKSTEP" weights export run --out own.safetensors --force >/dev/null
    refused 2 "'--out own.pth': expected a name that ends in .safetensors; *" \
        "$LOCKSTEP" weights export run --out own.pth
    refused 2 "'--names nobody': expected lockstep*" \
        "$LOCKSTEP" weights export run --names nobody --out never.safetensors
    [ ! -e never.h5 ] && [ ! -e never.safetensors ]
}

@test "weights of another program are no start of a training before they are imported" {
    letters letters.h5 60 30
    printf '\x02\0\0\0\0\0\0\0{}' >empty.safetensors
    refused 2 "'empty.safetensors' is *: make a checkpoint of it first: lockstep weights import *" \
        "$LOCKSTEP" train "$TINY" --data letters.h5 --pretrained empty.safetensors --run never
    /usr/bin/python3 -c 'import pickle; pickle.dump({"a": 1}, open("p.pth", "wb"), 2)'
    for option in --pretrained --init; do
        refused 1 "'p.pth' is a pickle, which can run any program when it is read*torch_to_safetensors.py p.pth*" \
            "$LOCKSTEP" train "$TINY" --data letters.h5 $option p.pth --run never
    done
    [ ! -e never ]
}
