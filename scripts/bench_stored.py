#!/usr/bin/env python3
"""Compare what waits in memory for backward, in lockstep and in PyTorch.

    bench_stored.py [--only PATTERN] [--python PYTHON] [--lockstep PROGRAM]

For the networks of bench_peers.py: bytes per image that an operation leaves for backward
(`lockstep bench layers`; autograd's saved tensors, channels_last), without the parameters and
the images themselves. Prints a Markdown table. Exit status: 0 measured, 1 something failed,
2 usage.
"""

import argparse
import os
import re
import signal
import sys
import tempfile

from bench_peers import Bench, Failure, SCRIPTS, choose_python, progress
from bench_peers_settings import NETWORKS, VARIANTS, setting
from bench_peers_table import version_of


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--only", metavar="PATTERN", default="", help="networks whose name matches")
    add("--python", help="a python that has PyTorch (default: that with the newest one)")
    add("--lockstep", metavar="PROGRAM", help="default build/lockstep",
        default=os.environ.get("LOCKSTEP"))
    options = parser.parse_args()
    options.lockstep = os.path.abspath(options.lockstep or SCRIPTS.parent / "build/lockstep")
    options.variants = list(VARIANTS)
    options.against, options.clock, options.seconds, options.timeout = None, "cpu", 0.3, 900
    if not os.access(options.lockstep, os.X_OK):
        parser.error(f"no program '{options.lockstep}': type 'make'")
    return options


def of_lockstep(bench, network):
    program = [bench.lockstep, "bench", "layers", *bench.config(bench.lockstep, network)]
    program += [*network.image_size(), "--json"]
    return sum(row["stored_bytes"] for row in bench.run(setting(network), program, {}))


def of_torch(bench, network):
    program = [bench.python, str(SCRIPTS / "bench_torch.py"), "--network", network.name]
    program += ["--shape", network.shape, "--batch", str(network.batch), "--stored"]
    said = bench.run(setting(network), program, {})
    bench.about["torch"] = said["torch"]
    return said["stored"]


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options, status = parse(), 0
    lines = ["| network | input | lockstep | PyTorch | ratio |", "|---|---|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, choose_python(options), folder)
        for network in NETWORKS:
            if not re.search(options.only, network.name):
                continue
            progress(network.name)
            try:
                ours, theirs = of_lockstep(bench, network), of_torch(bench, network)
            except Failure as problem:
                progress(f"{network.name}: {problem}")
                status = 1
                continue
            lines.append(f"| {network.name} | {network.shape} | {ours:,} | {theirs:,.0f} "
                         f"| {ours / theirs:.2f} |")
    print(f"Bytes per image from forward to backward. {version_of(options.lockstep)}; PyTorch "
          f"{bench.about['torch'].get('version', '?')}.\n")
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
