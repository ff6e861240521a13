"""What the scripts that draw lockstep's files have in common: how one is opened, drawn or
printed. What goes wrong is said in one line, and a reader that has had enough
(`... --markdown | head`) ends them silently, as it ends any filter."""

import argparse
import pathlib
import signal
import sys


def stop(problem):
    sys.exit(f"{pathlib.Path(sys.argv[0]).stem}: {problem}")


try:
    import h5py
except ImportError as missing:
    stop(f"{missing}: apt-get install python3-h5py python3-matplotlib, and take "
         "/usr/bin/python3")


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def open_file(path, form, maker):
    """An HDF5 file whose attribute `format` is this."""
    file = h5py.File(path, "r")
    if text(file.attrs.get("format", "")) != form:
        raise ValueError(f"'{path}' is no file of '{maker}'")
    return file


def parser(description, picture):
    """Of the options that all of them have."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("file")
    options.add_argument("--out", default=picture, help=f"the picture ({picture})")
    options.add_argument("--markdown", action="store_true", help="a table instead")
    return options


def read(reader, path, *more):
    try:
        return reader(path, *more)
    except FileNotFoundError:
        stop(f"there is no file '{path}'")
    except (OSError, KeyError, TypeError, ValueError) as trouble:
        stop(f"{path}: {trouble}")


def save(path, draw, *of):
    """The figure that draw(*of) returns."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        draw(*of).savefig(path, dpi=110)
    except (ImportError, OSError, ValueError) as trouble:
        stop(f"cannot write '{path}': {trouble}")
    print(path)
