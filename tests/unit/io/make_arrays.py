#!/usr/bin/python3
"""Writes files of named arrays with NumPy and h5py, and what must be read from them.

make_arrays.py FOLDER: for each file NAME there is NAME.expected: for each array a line with its
name, its type (the number of enum array_type) and its extent, then its numbers as float32 in C
order. Exit status 77 without numpy or h5py.
"""
import pathlib
import sys
import zipfile

try:
    import h5py
    import numpy as np
except ImportError:
    sys.exit(77)

TYPES = {"f8": 0, "f4": 1, "f2": 2}
OTHER = 4


def expect(path, arrays):
    with open(f"{path}.expected", "wb") as out:
        for name, array, kind in arrays:
            extent = "".join(f" {n}" for n in array.shape)
            out.write(f"{name} {kind}{extent}\n".encode())
            if kind != OTHER:
                with np.errstate(over="ignore"):
                    out.write(np.ascontiguousarray(array.astype("<f4")).tobytes())


def kind_of(array):
    return TYPES.get(array.dtype.str[1:], OTHER)


def arrays():
    random = np.random.default_rng(5)
    made = {}
    for order in "<>":
        for kind in ("f8", "f4", "f2"):
            for shape in ((), (1,), (7,), (3, 4), (4, 3, 2), (2, 1, 3, 5), (0, 2)):
                array = np.asarray(random.standard_normal(shape)).astype(order + kind)
                name = f"{'le' if order == '<' else 'be'}.{kind}.{len(shape)}x{array.size}"
                made[name] = array
                made[name + ".T"] = array.T  # Fortran order
    made["long"] = random.standard_normal((300, 1001)).astype("<f4")
    made["long_T"] = made["long"].T
    made["double_T"] = random.standard_normal((30, 17, 101)).T
    made["i8"] = np.arange(6).reshape(2, 3)
    made["edge"] = np.array([0.0, -0.0, np.inf, -np.inf, 1e300, 1e-310, 5e-46, 1e-45])
    return made


def main():
    folder = pathlib.Path(sys.argv[1])
    made = arrays()
    listed = [(name, array, kind_of(array)) for name, array in made.items()]
    for name, save in ("plain.npz", np.savez), ("deflated.npz", np.savez_compressed):
        save(folder / name, **made)
        expect(folder / name, listed)
    with zipfile.ZipFile(folder / "versions.npz", "w") as archive:
        for version in 1, 2, 3:
            with archive.open(f"v{version}.npy", "w") as out:
                np.lib.format.write_array(out, made["long"], (version, 0))
    expect(folder / "versions.npz", [(f"v{v}", made["long"], 1) for v in (1, 2, 3)])
    for name, options in ("earliest.h5", {}), ("latest.h5", {"libver": "latest"}):
        with h5py.File(folder / name, "w", **options) as file:
            for key, array in made.items():
                if key.split(".")[1:2] != ["f2"]:
                    file.create_dataset(key.replace(".", "/", 1), data=array)
        expect(folder / name, [row for row in listed if row[0].split(".")[1:2] != ["f2"]])


main()
