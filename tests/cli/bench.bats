#!/usr/bin/env bats
# lockstep bench, and the comparison with PyTorch that is built on it. Speed itself is not
# tested: the machine may be doing other things.

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# rows RANKS THREADS BATCH...: stdin is bench's JSON, with just these rows, all plausible.
rows() {
    /usr/bin/python3 -c '
import json, sys
ranks, threads, *batches = map(int, sys.argv[1:])
rows = json.load(sys.stdin)
assert [row["batch"] for row in rows] == batches, rows
for row in rows:
    assert row["ranks"] == ranks and row["threads"] == threads, row
    for name in ("train", "forward"):
        median = row[name + "_images_per_second"]
        assert 0 < row[name + "_low"] <= median <= row[name + "_high"], row
    # pooling makes more than half of the work useless
    assert 0 < 2 * row["true_gflops"] < row["dense_gflops"], row
    assert row["peak_gflops_per_core"] > 0, row
    assert row["isa"] in ("plain", "v2", "v3", "v4") and "OpenBLAS" in row["blas"], row
' "$@"
}

@test "bench step prints a table" {
    "$LOCKSTEP" bench step --batch 16,40 --threads 1 --repeats 1 >out
    cat out
    grep -Eq '^peak of one core: [1-9][0-9.]* GFLOP/s in registers, [1-9][0-9.]* in ' out
    grep -Eq '^ *ranks +threads +batch +grain +train images/s ' out
    [ "$(grep -Ec '^ +1 +1 +(16|40) +[1-9][0-9]* ' out)" -eq 2 ]
}

@test "bench step --json prints JSON" {
    "$LOCKSTEP" bench step --batch 16,40 --threads 1 --repeats 2 --json | rows 1 1 16 40
}

@test "bench step on two ranks prints its result once" {
    ranks 2 "$LOCKSTEP" bench step --batch 20 --threads 1 --repeats 1 --json | rows 2 1 20
}

@test "bench step measures the instruction set of LOCKSTEP_ISA" {
    [[ $(uname -m) == x86_64 ]] || skip "not x86-64"
    LOCKSTEP_ISA=v2 "$LOCKSTEP" bench step --batch 16 --threads 1 --repeats 1 --json >out
    rows 1 1 16 <out
    grep -q '"isa": "v2"' out
}

@test "bench layers prints each layer forward and backward" {
    "$LOCKSTEP" bench layers >out
    cat out
    grep -Eq '^ *layer +pass +algorithm +us/image ' out
    [ "$(grep -Ec ' forward +[0-9]+\.[0-9]+ ' out)" -ge 6 ]
    [ "$(grep -Ec ' forward +[0-9]' out)" -eq "$(grep -Ec ' backward +[0-9]' out)" ]
    grep -Eq '^all layers, forward and backward: [1-9][0-9]*\.[0-9] us/image' out
}

@test "bench layers measures the network of a config" {
    "$LOCKSTEP" bench layers "$TINY" >out
    grep -Eq '^all layers, forward and backward: [0-9]+\.[0-9] us/image' out
}

# A network with each kind of convolution, two of them alike, on images of 8x8.
convs() {
    cat >convs.conf <<'END'
[model]
layer = conv 16 kernel=3 pad=1
layer = conv 32 kernel=3 pad=1 as=first
layer = batchnorm
layer = conv 32 kernel=3 pad=1 as=second
layer = relu
layer = conv 32 kernel=3 pad=1 as=third
layer = depthwise kernel=3 pad=1
layer = conv 16 kernel=1 stride=2
layer = flatten
layer = linear classes
layer = logsoftmax
[optim]
lr = 0.01
END
}

@test "bench layers tells the algorithms of convolutions, and what is stored for backward" {
    convs
    "$LOCKSTEP" bench layers convs.conf --image-size 8 >out
    cat out
    grep -Eq '^  first +forward +winograd4 .* 8192$' out # batchnorm reads it
    grep -Eq '^  second +forward +winograd4 .* 0$' out # relu reads its own output
    grep -Eq '^ +backward +winograd4 ' out
    grep -Eq '^  depthwise1 +forward +depthwise ' out
    grep -Eq '^  conv1 +forward +direct ' out
    grep -Eq '^stored from forward to backward: [1-9][0-9]* bytes/image, and 768 of the image$' out
    sed 's/^\[optim\]/[train]\nwinograd = f2\n&/' convs.conf >f2.conf
    "$LOCKSTEP" bench layers f2.conf --image-size 8 | grep -Eq '^  second +forward +winograd2 '
    sed 's/^\[optim\]/[train]\nwinograd = off\n&/' convs.conf >off.conf
    "$LOCKSTEP" bench layers off.conf --image-size 8 | grep -Eq '^  second +forward +direct '
}

@test "bench layers --json tells the same of each layer" {
    convs
    "$LOCKSTEP" bench layers convs.conf --image-size 8 --json | python3 -c '
import json, sys
layers = {row["layer"]: row for row in json.load(sys.stdin)}
assert len(layers) == 11, layers.keys()
first, norm = layers["first"], layers["batchnorm1"]
assert (first["forward_algorithm"], first["weight_algorithm"]) == ("winograd4", "winograd4"), first
assert first["forward_true_gflop"] < first["forward_dense_gflop"], first
assert (first["stored_bytes"], layers["second"]["stored_bytes"]) == (8192, 0), layers
assert norm["backward_us"] > 0 and "weight_algorithm" not in norm, norm'
}

@test "bench conv measures each shape of a network once, and marks what training uses" {
    convs
    "$LOCKSTEP" bench conv convs.conf --image-size 8 --grain 2 >out
    cat out
    grep -qx '  3x3, 8x8, 32: second third' out
    grep -qx '  3x3, 8x8, 32 depthwise: depthwise1' out
    [ "$(grep -Ec '^  [13]x[13].* (forward|data|weight) ' out)" -eq 15 ]
    [ "$(grep -Ec '^  [13]x[13].* (forward|data|weight) .*[0-9]\*' out)" -eq 15 ]
    grep -Eq '^  3x3, 8x8, 32 +forward .*[0-9]\*' out
    grep -Eq '^  3x3, 8x8, 32 depthwise +data +- +- ' out
    "$LOCKSTEP" bench conv letters --grain 2 | grep -q ': conv2 (fused)'
    printf '[model]\nlayer = flatten\nlayer = linear classes\nlayer = logsoftmax\n[optim]\nlr = 1\n' >none.conf
    refused 2 "'none.conf' has no convolution" "$LOCKSTEP" bench conv none.conf
    refused 2 "'--grain 5000': expected 1 to 1024" "$LOCKSTEP" bench conv --grain 5000
}

@test "bench conv --json prints each pass of each shape" {
    convs
    "$LOCKSTEP" bench conv convs.conf --image-size 8 --grain 2 --json >out
    /usr/bin/python3 - out <<'END'
import json, sys
rows = json.load(open(sys.argv[1]))
assert len(rows) == 15, len(rows)
for row in rows:
    assert row["pass"] in ("forward", "data", "weight") and row["images"] == 2, row
    assert sum(a["chosen"] for a in row["algorithms"]) == 1, row
    for a in row["algorithms"]:
        assert a["us"] > 0 and a["dense_gflops"] > 0 and a["pack_us"] >= 0, row
        wino = {"winograd2": 16 / 36, "winograd4": 36 / 144}.get(a["name"])
        if wino:
            assert abs(a["true_gflops"] / a["dense_gflops"] - wino) < 0.02, row
(shape,) = {(row["shape"], row["layers"]) for row in rows if "third" in row["layers"]}
assert shape == ("3x3, 8x8, 32", "second third"), shape
END
}

@test "bench rule compares what training uses with the fastest" {
    convs
    run "$LOCKSTEP" bench rule convs.conf --image-size 8
    echo "$output"
    [ "$status" -le 1 ]
    grep -Eq '^  3x3, 8x8, 32 +weight +[a-z0-9]+ +[0-9.]+ +[a-z0-9]+ +[0-9.]+ +[0-9.]+ ' <<<"$output"
    grep -Eq '^[0-9]+ of [0-9]+ choices are more than 10 % slower than the best, without a reason$' <<<"$output"
    run ! grep -Eq '^  3x3, 8x8, 3->16 +data ' <<<"$output" # nothing needs it
}

@test "bench step leaves no file behind" {
    mkdir "$BATS_TEST_TMPDIR/empty"
    TMPDIR=$BATS_TEST_TMPDIR/empty "$LOCKSTEP" bench step --batch 16 --threads 1 \
        --repeats 1 >/dev/null
    # Open MPI's session folder may stay
    [ -z "$(find "$BATS_TEST_TMPDIR/empty" -name '*.h5' -o -name 'lockstep*')" ]
}

@test "a rate at which training diverges is no matter to what only measures" {
    sed 's/^lr = .*/lr = 1e6/' "$TINY" >wild.conf
    printf '[group all]\nmatch = *\nlr = 1e6\n' >>wild.conf
    "$LOCKSTEP" bench step wild.conf --batch 16 --threads 1 --repeats 1 --train |
        grep -qE '^ +1 +1 +16 +16 '
    letters letters.h5 52 26
    "$LOCKSTEP" tune wild.conf --batch 16 >/dev/null
}

@test "bench refuses bad arguments" {
    local list
    for list in 0 -4 '16,' ,16 1.5 99999999; do
        refused 2 "'--batch $list': expected numbers from 1*" \
            "$LOCKSTEP" bench step "--batch=$list"
    done
    refused 2 "'--threads 1,x': expected numbers*" "$LOCKSTEP" bench step --threads 1,x
    refused 2 "'--repeats 0': at least one is needed" "$LOCKSTEP" bench step --repeats 0
    refused 2 "'bench steps': expected step, layers, *reduce" "$LOCKSTEP" bench steps
    refused 2 "usage: lockstep bench*" "$LOCKSTEP" bench
    refused 2 "*'none.conf'*" "$LOCKSTEP" bench step none.conf
}

@test "commands that only measure refuse a group whose patterns match nothing, as train does" {
    letters letters.h5 52 26
    { cat "$TINY" && printf '[group head]\nmatch = liner1.*\nlr = 0.1\n'; } >group.conf
    for command in "bench step --repeats 1 --batch 16" "bench layers" "tune --batch 16" "plan --data letters.h5" lab \
        "train --data letters.h5 --check"; do
        run "$LOCKSTEP" $command group.conf
        echo "$command: $status: $output"
        [ "$status" -eq 2 ]
        [[ $output == *"'liner1.*'"* ]]
    done
}

@test "bench_peers.py ends silently when its reader closes the pipe" {
    unread /usr/bin/python3 "$ROOT/scripts/bench_peers.py" --help
}

@test "bench_peers.py prints a table and writes the same numbers as JSON" {
    /usr/bin/python3 -c 'import torch' 2>/dev/null || skip "no PyTorch for /usr/bin/python3"
    OPENBLAS_CORETYPE=Haswell /usr/bin/python3 "$ROOT/scripts/bench_peers.py" --quick \
        --json peers.json >out
    cat out
    grep -q '^Removed from the environment of both: .*OPENBLAS_CORETYPE' out
    local rate='[0-9,]+' ratio='[0-9]+\.[0-9]+'
    grep -Eq "^\| letters, 1 thread, batch 64 \| $rate \| $rate \| $ratio \| [a-z_+]+ $rate \| $ratio \| $ratio \| 5 x eager: " out
    /usr/bin/python3 - <<'END'
import json, os
found = json.load(open("peers.json"))
wanted = 3 if len(found["machine"]["cores"]) > 1 else 2
assert len(found["settings"]) == wanted, found
for setting in found["settings"]:
    assert not setting["errors"], setting
    (rates,) = setting["rounds"]
    assert set(rates) == {"lockstep", "eager", "channels_last+malloc"}, rates
    assert all(rate > 0 for side in rates.values() for rate in side.values()), rates
    for clock in "wall", "cpu":
        ratio = rates["lockstep"][clock] / rates["eager"][clock]
        assert abs(setting[f"ratios_{clock}"]["eager"] - ratio) < 1e-9, setting
END
}

@test "bench_peers.py reports a failed variant and measures the others" {
    /usr/bin/python3 -c 'import torch' 2>/dev/null || skip "no PyTorch for /usr/bin/python3"
    printf '#!/bin/sh\necho "lockstep: out of order" >&2\nexit 1\n' >broken
    chmod +x broken
    run /usr/bin/python3 "$ROOT/scripts/bench_peers.py" --quick --rounds 1 \
        --lockstep ./broken --only '^letters, 1 thread, batch 16$'
    echo "$output"
    [ "$status" -eq 1 ]
    local name='letters, 1 thread, batch 16'
    grep -Eq "^\| $name \| - \| [0-9,]+ \| - \| .* 4 x eager: not measured" <<<"$output"
    grep -q "^- $name: lockstep: exit status 1: lockstep: out of order$" <<<"$output"
}

@test "bench_peers.py compares two programs without PyTorch" {
    /usr/bin/python3 "$ROOT/scripts/bench_peers.py" --quick --variants none \
        --against "$LOCKSTEP" --only '^letters, 1 thread, batch (16|64)$' --json two.json >out
    cat out
    local rate='[0-9,]+' ratio='[0-9]+\.[0-9]+'
    grep -Eq "^\| letters, 1 thread, batch 64 \| $rate \| $rate \| $ratio \| $ratio \| .*1 x before: " out
    /usr/bin/python3 -c 'import json
settings = json.load(open("two.json"))["settings"]
assert [set(one["rounds"][0]) for one in settings] == [{"lockstep", "before"}] * 2, settings'
}

@test "the networks of bench_peers.py are those that lockstep and PyTorch have" {
    /usr/bin/python3 - "$ROOT" "$LOCKSTEP" <<'END'
import pathlib, subprocess, sys
root = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(root / "scripts"))
from bench_peers_settings import LETTERS, NETWORKS, plain_config
torch = (root / "tests/peers/networks.py").read_text()
for network in NETWORKS:
    assert f'"{network.name}":' in torch, network
    config = root / network.config if network.config else pathlib.Path(f"{network.name}.conf")
    if not network.config:
        told = subprocess.check_output([sys.argv[2], "models", network.name], text=True)
        config.write_text(plain_config(told))
    assert "lookahead" not in config.read_text() and "ema" not in config.read_text()
    step = [sys.argv[2], "bench", "step", config, "--batch", "2", "--threads", "1"]
    if network.image_size() and network.batch >= 64:  # small images
        step += network.image_size()
        subprocess.check_call([*step, "--repeats", "1", "--train"])
END
}
