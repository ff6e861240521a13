#!/usr/bin/env python3
"""Write the tensors of a PyTorch file (.pt, .pth) as a safetensors file.

    torch_to_safetensors.py FILE OUT.safetensors

FILE is a state_dict as torch.save writes it, or a checkpoint that has one under 'state_dict',
'model_state_dict' or 'model'. It is read with weights_only=True, so that a file cannot run
programs; a whole module, whose pickle names classes, is refused. A 'module.' that every name
begins with (DataParallel) is removed. Values and types stay as they are; OUT is replaced once it
is complete. Needs torch; uses the package safetensors if it is there. Exit status: 0 written, 1
failed, 2 usage.
"""

import argparse
import json
import os
import struct
import sys
import warnings

INSIDE = ("state_dict", "model_state_dict", "model")
PREFIX = "module."
# PyTorch's name of a type -> that of safetensors
TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}


class Failure(Exception):
    """A line for the user."""


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n", maxsplit=1)[0],
        epilog=__doc__.split("\n\n", maxsplit=2)[2],
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("out", metavar="OUT.safetensors")
    options = parser.parse_args()
    there = os.path.exists(options.file) and os.path.exists(options.out)
    if os.path.isdir(options.out) or (there and os.path.samefile(options.file, options.out)):
        parser.error(f"'{options.out}' cannot be written: it is FILE or a folder")
    return options


def one_line(error):
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split("\n", maxsplit=1)[0].split())[:300]


def load(torch, path):
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise Failure(f"cannot open '{path}': {error.strerror}") from None
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception:  # of many kinds; the texts advise to run what is in the file
        raise Failure(f"'{path}' is damaged, not of PyTorch, or holds more than tensors: of a "
                      f"whole module or TorchScript save the tensors alone, where its classes "
                      f"are: torch.save(module.state_dict(), FILE)") from None


def tensors_of(torch, content, path):
    """name -> tensor, in the file's order."""
    for key in INSIDE:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    found = {name: value for name, value in content.items()
             if isinstance(name, str) and isinstance(value, torch.Tensor)} \
        if isinstance(content, dict) else {}
    if not found:
        raise Failure(f"'{path}' holds no state_dict: no tensors with names")
    left = [str(name) for name in content if name not in found]
    if left:
        print(f"note: not tensors, and not written: {', '.join(left[:5])}"
              f"{' ...' if len(left) > 5 else ''}", file=sys.stderr)
    if all(name.startswith(PREFIX) and name != PREFIX for name in found):
        found = {name[len(PREFIX):]: value for name, value in found.items()}
    return {name: plain(torch, name, value) for name, value in found.items()}


def plain(torch, name, tensor):
    """Dense, contiguous, and with memory of its own."""
    if tensor.layout != torch.strided or tensor.is_quantized:
        raise Failure(f"'{name}' is a sparse or a quantized tensor: only dense ones can be "
                      f"written")
    if str(tensor.dtype).removeprefix("torch.") not in TYPES:
        raise Failure(f"'{name}' is of type {tensor.dtype}, which is not written")
    return tensor.detach().contiguous().clone()


def write_plainly(torch, tensors, path):
    """As the package safetensors does: a length, a header of JSON, the bytes; the types with the
    largest numbers first, so that all are aligned."""
    header, begin = {"__metadata__": {"format": "pt"}}, 0
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    for name in order:
        tensor = tensors[name]
        end = begin + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": TYPES[str(tensor.dtype).removeprefix("torch.")],
                        "shape": list(tensor.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            file.write(tensors[name].reshape(-1).view(torch.uint8).numpy().data
                       if tensors[name].numel() else b"")


def write(torch, tensors, path):
    temporary = f"{path}.tmp.{os.getpid()}"
    try:
        try:
            from safetensors.torch import save_file
        except ImportError:
            write_plainly(torch, tensors, temporary)
        else:
            save_file(tensors, temporary, metadata={"format": "pt"})
        os.replace(temporary, path)
    except Exception as error:  # OSError, and the package's own
        reason = getattr(error, "strerror", None) or one_line(error)
        raise Failure(f"cannot write '{path}': {reason}") from None
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def main():
    options = parse()
    warnings.simplefilter("ignore")  # torch's, about how files were written
    try:
        import torch
    except ImportError:
        raise Failure("PyTorch is not there: run this with a python3 that can 'import torch'") \
            from None
    tensors = tensors_of(torch, load(torch, options.file), options.file)
    write(torch, tensors, options.out)
    print(f"{options.out}: {len(tensors)} tensors, "
          f"{sum(t.numel() for t in tensors.values())} numbers")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"torch_to_safetensors: {failure}")
