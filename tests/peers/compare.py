"""Comparisons, and the program that makes a table of them."""

import os
import sys
import tempfile

import torch

TOLERANCE = 1e-4


def compare(what, ours, theirs, allowed):
    """No element differs by more than `allowed`."""
    ours, theirs = torch.as_tensor(ours), torch.as_tensor(theirs)
    assert ours.shape == theirs.shape, f"{what}: {ours.shape} and {theirs.shape}"
    share = float((ours - theirs).abs().max()) / allowed
    print(f"  {what:34} {share:8.4f} of {allowed:.2e} allowed")
    assert share <= 1, f"{what} differs"


def compare_tensors(what, ours, theirs, since=None, share=TOLERANCE, rounding=1e-7):
    """Tensors differ by at most `share` of their largest element (or change `since`), and by
    at most TOLERANCE; weights are rounded to about `rounding`."""
    assert list(ours) and set(ours) == set(theirs), f"{what}: other tensors"
    for name in theirs:
        size = theirs[name] - since[name] if since else theirs[name]
        largest = float(size.abs().max())
        assert largest > 0, f"{what} {name}: nothing to compare"
        allowed = min(TOLERANCE, share * largest) + rounding
        compare(f"{what} {name}", ours[name], theirs[name], allowed)


def main(checks):
    """Makes the checks that the command line names, or all, in a scratch folder. Each is
    {name: function}."""
    names = sys.argv[1:] or list(checks)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # two bats files run at a time
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in names:
            try:
                checks[name]()
                print(f"ok {name}", flush=True)
            except AssertionError as problem:
                failed.append(name)
                print(f"not ok {name}: {problem}", flush=True)
        os.chdir("/")
    sys.exit(1 if failed else 0)
