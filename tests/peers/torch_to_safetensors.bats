#!/usr/bin/env bats
# scripts/torch_to_safetensors.py writes the tensors of PyTorch's files.

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    script=$BATS_TEST_DIRNAME/../../scripts/torch_to_safetensors.py
    cd "$BATS_TEST_TMPDIR" || return 1
    find_torch || skip_without_torch
    mkdir -p without/safetensors # as if the package were not there
    echo 'raise ImportError' >without/safetensors/__init__.py
    PYTHONPATH=$PWD/without "$python" - <<'PY'
import torch

torch.manual_seed(3)
weight = torch.randn(4, 3, 2)
state = {"a.weight": weight, "a.turned": weight.permute(2, 0, 1), "a.half": weight.bfloat16(),
         "a.wide": weight.double(), "a.none": torch.zeros(0, 2), "a.count": torch.tensor(7)}
torch.save(state, "state.pt")
torch.save(state, "old.pt", _use_new_zipfile_serialization=False)
torch.save({"epoch": 3, "model": {"module." + k: v for k, v in state.items()}}, "nested.pt")
torch.save(torch.nn.Linear(2, 2), "whole.pt")
torch.save([1, 2], "list.pt")
torch.save({"a": weight.to_sparse()}, "sparse.pt")
PY
}

convert() {
    PYTHONPATH=$PWD/without "$python" "$script" "$@"
}

# same FILE: it has the tensors of state.pt, bit for bit.
same() {
    "$python" - "$1" <<'PY'
import json
import struct
import sys

import torch

TYPES = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "I64": torch.int64}
data = open(sys.argv[1], "rb").read()
(length,) = struct.unpack("<Q", data[:8])
assert length % 8 == 0
header = json.loads(data[8:8 + length])
assert header.pop("__metadata__") == {"format": "pt"}
state = torch.load("state.pt")
assert set(state) == set(header) and len(state) == 6
for name, about in header.items():
    begin, end = (8 + length + offset for offset in about["data_offsets"])
    tensor = state[name].contiguous()
    assert TYPES[about["dtype"]] == tensor.dtype and about["shape"] == list(tensor.shape)
    stored = tensor.reshape(-1).view(torch.uint8) if tensor.numel() else torch.zeros(0)
    assert data[begin:end] == bytes(stored.tolist())
PY
}

@test "a state_dict in both of PyTorch's formats, and one inside a checkpoint" {
    for name in state old nested; do
        said=$(convert $name.pt $name.safetensors)
        [[ $said == "$name.safetensors: 6 tensors, 97 numbers" ]]
        same $name.safetensors
    done
    [[ $(echo *.tmp*) == '*.tmp*' ]]
}

@test "the package safetensors writes the same, if it is there" {
    "$python" -c 'import safetensors.torch' 2>/dev/null || skip "no package safetensors"
    "$python" "$script" state.pt state.safetensors
    same state.safetensors
}

fails() { # STATUS TEXT WORDS...
    run convert "${@:3}"
    ((status == $1))
    [[ ${lines[-1]} == *"$2"* ]]
}

@test "what holds more than tensors is refused in one line" {
    fails 1 "'whole.pt' is damaged, not of PyTorch, or holds more than tensors" whole.pt out
    fails 1 "'list.pt' holds no state_dict" list.pt out
    fails 1 "'a' is a sparse or a quantized tensor" sparse.pt out
    ((${#lines[@]} == 1))
    fails 1 "cannot open 'none.pt': No such file" none.pt out
    fails 1 "cannot write 'none/out': No such file" state.pt none/out
    fails 2 "it is FILE or a folder" state.pt state.pt
    fails 2 "it is FILE or a folder" state.pt .
    [[ ! -e out ]]
}
