"""Shared by the scripts that draw lockstep's files: opens a file, saves the picture. An
error is one line. A closed output (`... --markdown | head`) ends the scripts silently."""

import argparse
import pathlib
import signal
import sys


def stop(problem):
    sys.exit(f"{pathlib.Path(sys.argv[0]).stem}: {problem}")


try:
    import h5py
except ImportError as missing:
    stop(f"{missing}: apt-get install python3-h5py python3-matplotlib, and use "
         "/usr/bin/python3")


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def open_file(path, form, maker):
    """Opens an HDF5 file whose attribute `format` is `form`."""
    file = h5py.File(path, "r")
    if text(file.attrs.get("format", "")) != form:
        raise ValueError(f"'{path}' is not a file of '{maker}'")
    return file


def parser(description, picture):
    """A parser of the options that all scripts have."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("file")
    options.add_argument("--out", default=picture, help=f"picture to write (default {picture})")
    options.add_argument("--markdown", action="store_true", help="print a table instead")
    return options


def read(reader, path, *more):
    try:
        return reader(path, *more)
    except FileNotFoundError:
        stop(f"there is no file '{path}'")
    except (OSError, KeyError, TypeError, ValueError) as trouble:
        stop(f"{path}: {trouble}")


def save(path, draw, *of):
    """Saves the figure that draw(*of) returns."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        draw(*of).savefig(path, dpi=110)
    except (ImportError, OSError, ValueError) as trouble:
        stop(f"cannot write '{path}': {trouble}")
    print(path)
