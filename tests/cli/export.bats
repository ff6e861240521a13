#!/usr/bin/env bats
# lockstep export: a network as ONNX, and its weights as safetensors and HDF5.
# Core: part of `make test`.

bats_require_minimum_version 1.5.0

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 200 60 >/dev/null
    train 1 "$TINY" --run run --set train.steps=4 --set train.batch=40 >run.out
    train 1 resnet20 --run norms --set train.steps=2 --set train.batch=16 --set train.grain=8 \
        --set augment.recipe=none >norms.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# holds FILE TEXT...: texts in a file of ONNX are plain bytes.
holds() {
    local text
    for text in "${@:2}"; do
        [[ $text ]] && grep -aqF -- "$text" "$1" || { echo "no '$text' in $1" && return 1; }
    done
}

@test "a network as ONNX, checked with images of its data set" {
    "$LOCKSTEP" export run --to model.onnx >out 2>err
    grep -q '^checkpoint run/checkpoints/.*, step ' out
    grep -qx 'input      image: uint8 (N, 28, 28, 1), grey; scale pictures to this size before' out
    grep -qx "treatment  of the training's pictures is not recorded" out
    grep -qx 'outputs    logits, probabilities: float (N, 26)' out
    grep -Eqx "checked    4 test images of 'letters.h5': probabilities differ by [0-9.]+e-0[6-9] at most" out
    grep -Eqx 'model.onnx: ONNX, opset 13, [0-9]+ nodes, 0 norms folded, .* kB' out
    grep -q 'note: the file says that no licence of the weights is given' err
    holds model.onnx lockstep.classes lockstep.state "$("$LOCKSTEP" show run/checkpoints/best.h5 |
        sed -n 's/.*state=//p')" 'none is given' 'layer = linear classes' 'Image classifier'
    "$LOCKSTEP" export run/checkpoints/best.h5 --to again.onnx --verify 0 >out 2>&1
    grep -qx 'checked    no: --verify 0' out
    cmp model.onnx again.onnx
}

@test "norms are folded; channels first; a licence" {
    printf 'You may do what you like.\n' >licence.txt
    "$LOCKSTEP" export norms --to n.onnx --layout nchw --verify 2 --licence licence.txt >out 2>err
    grep -q '^input      image: uint8 (N, 1, 28, 28), grey;' out
    grep -Eq "^checked    2 test images of 'letters.h5': probabilities differ by" out
    grep -Eq '^n.onnx: ONNX, opset 13, [0-9]+ nodes, 1[0-9] norms folded' out
    [ ! -s err ]
    holds n.onnx 'You may do what you like.' nchw
    "$LOCKSTEP" export norms --to words.onnx --licence 'CC BY 4.0' >/dev/null
    holds words.onnx 'CC BY 4.0'
}

@test "the temperature is in the file; what it leaves out is said: views" {
    cp letters.h5 with_val.h5
    "$LOCKSTEP" data split with_val.h5 --val 20% >/dev/null
    DATA=with_val.h5 train 1 "$TINY" --run hot --set train.steps=8 --set train.batch=40 \
        --set eval.views=mirror >/dev/null
    "$LOCKSTEP" eval hot --calibrate >/dev/null
    "$LOCKSTEP" export hot --to hot.onnx >out 2>err
    grep -Eq "^checked    4 val images of 'with_val.h5': probabilities differ by" out
    grep -q "note: eval averages views of an image (eval.views = mirror), the file answers to the image as it is" err
    grep -Eq '^temperature [0-9.]+, by which the logits are divided$' out
    "$LOCKSTEP" export hot --to again.onnx | sed 's/again/hot/' | diff out -
    # Without it the probabilities would be others: the check fails.
    h5 hot/checkpoints/best.h5 <<<'assert abs(f[0].attrs["temperature"] - 1) > 0.01'
}

@test "without the data set random pictures serve" {
    mv letters.h5 elsewhere.h5
    "$LOCKSTEP" export run --to model.onnx >out 2>err
    grep -q "note: 'run/checkpoints/best.h5' was trained on 'letters.h5', which is not here: checking with random pictures" err
    grep -Eq '^checked    4 random pictures: probabilities differ by' out
}

@test "pictures in a folder are those of the training" {
    "$LOCKSTEP" data export letters.h5 pictures >/dev/null
    train 1 "$TINY" --data pictures --run folder --set train.steps=2 --set train.batch=40 >/dev/null
    "$LOCKSTEP" export folder --to model.onnx >out 2>err
    grep -q "^treatment  of the training's pictures is to be repeated: invert=" out
    grep -Eq "^checked    4 (val|test) images of '.*/cache/lockstep/pictures-.*.h5': " out
}

@test "the weights as safetensors are those of weights export, with more said" {
    "$LOCKSTEP" export norms --to w.safetensors --licence mine >out
    "$LOCKSTEP" weights export norms --out v.safetensors >again
    sed 's/w.safe/v.safe/' out | cmp - again
    grep -q "^w.safetensors: [0-9]* tensors of 'norms/checkpoints/best.h5'" out
    python3 - <<'END'
import json, struct
def read(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        return header.pop("__metadata__"), header, f.read()
(notes, names, data), (others, same, equal) = read("w.safetensors"), read("v.safetensors")
assert data == equal != b"" and names == same
assert notes.pop("lockstep.licence") == "mine"
assert others.pop("lockstep.licence") == "none is given" and notes == others
assert len(notes["lockstep.state"]) == 16 and "layer =" in notes["lockstep.config"]
END
}

@test "the weights as HDF5 are read by h5py and by weights import" {
    "$LOCKSTEP" export norms --to w.h5 >/dev/null 2>&1
    "$LOCKSTEP" weights export norms --out w.safetensors >/dev/null
    h5 w.h5 <<'END'
arrays = {name: value[()] for name, value in f[0].items()}
assert arrays["conv1.weight"].shape == (16, 1, 3, 3) and arrays["conv1.weight"].dtype == "f4"
assert arrays["layer1.0.bn1.running_var"].min() > 0 and arrays["conv1.weight"].std() > 0
notes = {k: v.decode() if isinstance(v, bytes) else v for k, v in f[0].attrs.items()}
assert notes["lockstep.image"] == "28x28x1" and notes["format"] == "lockstep-weights"
END
    for file in w.h5 w.safetensors; do
        "$LOCKSTEP" weights import $file --as resnet20 --size 28 --channels 1 --preprocess 127,128 \
            --out "$file.ckpt" >/dev/null
        "$LOCKSTEP" show "$file.ckpt" | sed -n 's/.*state=//p' | head -n 1 >"$file.state"
    done
    [ -s w.h5.state ]
    cmp w.h5.state w.safetensors.state
    refused 2 "'w.h5' exists already; use --force to replace it" \
        "$LOCKSTEP" export norms --to w.h5
    "$LOCKSTEP" export norms --to w.h5 --force >/dev/null
}

@test "nothing is written over an input or another file" {
    refused 2 "where to write is missing: --to FILE, expected a name that ends in .onnx*" \
        "$LOCKSTEP" export run
    for name in model model.pt onnx .onnx model.onnx.gz; do
        refused 2 "'--to $name': this format is not known: expected a name that ends in .onnx, .safetensors or .h5" \
            "$LOCKSTEP" export run --to $name
        [ ! -e $name ]
    done
    cp run/checkpoints/best.h5 copy.h5
    refused 2 "'copy.h5' cannot be written: it is what is read" \
        "$LOCKSTEP" export copy.h5 --to copy.h5 --force
    refused 2 "'run/checkpoints/best.h5' cannot be written: it is what is read" \
        "$LOCKSTEP" export run --to run/checkpoints/best.h5 --force
    refused 2 "'letters.h5' cannot be written: it is a data set, not a file of weights*" \
        "$LOCKSTEP" export run --to letters.h5 --force
    ln -s run/checkpoints/best.h5 link.onnx
    refused 2 "'link.onnx' cannot be written: it is 'run/checkpoints/best.h5', which is read" \
        "$LOCKSTEP" export run --to link.onnx --force
    printf 'mine' >licence.onnx
    refused 2 "'licence.onnx' cannot be written: it is what is read" \
        "$LOCKSTEP" export run --to licence.onnx --licence licence.onnx --force
    /usr/bin/python3 -c 'from PIL import Image; Image.new("L", (2, 2)).save("p.png")'
    mv p.png picture.onnx
    cp picture.onnx picture.safetensors
    for name in picture.onnx picture.safetensors; do
        cp $name before
        refused 2 "'$name' cannot be written: it is a PNG image, not a*" \
            "$LOCKSTEP" export run --to $name --force
        cmp $name before
    done
    refused 1 "cannot write 'none/model.onnx': there is no folder 'none'" \
        "$LOCKSTEP" export run --to none/model.onnx
}

@test "a model is replaced by --force alone, and stays if the new one fails" {
    "$LOCKSTEP" export run --to m.onnx >/dev/null 2>&1
    cp m.onnx before
    refused 2 "'m.onnx' exists already; use --force to replace it" \
        "$LOCKSTEP" export norms --to m.onnx
    refused 1 "cannot write 'm.onnx': File too large" \
        bash -c "trap '' XFSZ; ulimit -f 4; exec \"$LOCKSTEP\" export norms --to m.onnx --force"
    cmp m.onnx before
    "$LOCKSTEP" export norms --to m.onnx --force >/dev/null 2>&1
    run ! cmp -s m.onnx before
    : >empty.onnx
    "$LOCKSTEP" export run --to empty.onnx --force >/dev/null 2>&1
    [ -s empty.onnx ]
    [ -z "$(find . -name '*.tmp.*')" ]
}

@test "wrong options and damaged checkpoints are refused in a line" {
    refused 2 "'--layout hwc': did you mean 'nhwc'?" \
        "$LOCKSTEP" export run --to never.onnx --layout hwc
    refused 2 "--layout is for .onnx: a file of weights has no input" \
        "$LOCKSTEP" export run --to never.h5 --layout nchw
    refused 2 "--verify is for .onnx: *" "$LOCKSTEP" export run --to never.safetensors --verify 2
    refused 2 "'--verify 1001': expected a whole number from 0 to 1000" \
        "$LOCKSTEP" export run --to never.onnx --verify 1001
    refused 2 "--names is for files of weights: .safetensors and .h5" \
        "$LOCKSTEP" export run --to never.onnx --names timm
    refused 2 "'--names nobody': expected lockstep*" \
        "$LOCKSTEP" export run --to never.h5 --names nobody
    refused 1 "cannot open 'none/licence.txt'*" \
        "$LOCKSTEP" export run --to never.onnx --licence none/licence.txt
    refused 2 "'--licence ': expected a text, or a file with one, in UTF-8" \
        "$LOCKSTEP" export run --to never.onnx --licence ''
    refused 1 "'letters.h5' is a data set, not a checkpoint" \
        "$LOCKSTEP" export letters.h5 --to never.onnx
    refused 1 "*'none'*" "$LOCKSTEP" export none --to never.onnx
    head -c 20000 run/checkpoints/best.h5 >cut.h5
    refused 1 "*'cut.h5'*" "$LOCKSTEP" export cut.h5 --to never.onnx
    cp run/checkpoints/best.h5 bad.h5
    /usr/bin/python3 - <<'END'
import h5py
with h5py.File("bad.h5", "r+") as f:
    layer = next(iter(f["weights"].values()))
    layer["weight"][...] = layer["weight"][...] + 1
END
    refused 1 "'bad.h5' is damaged*" "$LOCKSTEP" export bad.h5 --to never.onnx
    [ ! -e never.onnx ] && [ ! -e never.h5 ] && [ ! -e never.safetensors ]
}

@test "the help has a loader for PyTorch" {
    "$LOCKSTEP" export --help >help
    grep -q 'model.load_state_dict(' help
    sed -n '/^    import torch/,/^$/p' help | sed 's/^    //' >loader.py
    [ "$(grep -c . loader.py)" -ge 9 ]
    python3 -c 'import ast; ast.parse(open("loader.py").read())'
}
