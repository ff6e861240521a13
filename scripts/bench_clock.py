#!/usr/bin/env python3
"""Train one recipe in lockstep and in PyTorch, one after the other, against the clock.

    bench_clock.py DATA [--epochs E] [--batch B] [--seed S] [--threads T] [--csv FILE]
    bench_clock.py DATA --recipe finetune|head --pretrained W.h5 --weights W.safetensors ...

Whole commands (start, reading of the data, training, evaluations) on the same cores; the
clock starts with the command. The recipes, of lockstep and of PyTorch:

    cifar_fast  lockstep train cifar_fast --data DATA
                tests/peers/airbench_recipe.py
    finetune    lockstep train efficientnet_lite0 --pretrained W.h5 --data DATA
                tests/peers/finetune_recipe.py, with the same weights as safetensors
    head        the same with --freeze backbone: lockstep computes features once, PyTorch in
                every epoch, as its users do

Prints a Markdown table: of cifar_fast the time to the accuracy that PyTorch reaches at its
end first, of the others those of the whole commands. --csv writes both curves. Exit status:
0 measured (goal met or not), 1 a command failed, 2 usage, 130 interrupted.
"""

import argparse
import csv
import dataclasses
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from bench_peers import SCRIPTS, choose_python, own_cores, progress, steered
from bench_peers_settings import MALLOC
from bench_peers_table import IDLE, cpu_name, version_of

GOALS = {"cifar_fast": 0.5, "finetune": 0.5, "head": 0.1}  # of PyTorch's time, at most
LEAST = 0.5  # points of accuracy that fine-tuning may lose against PyTorch
BELOW = (0, 0.5, 1, 2, 4)  # points under PyTorch's last accuracy
POINT = re.compile(r"(?:eval )?step (\d+) .*?\bepoch ([\d.]+) .*?\baccuracy ([\d.]+) %")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Point:
    epoch: float
    seconds: float  # since the command's start
    cpu: float  # seconds of CPU time of all its threads
    accuracy: float  # %


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        words = file.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICKS


class Course:
    """A command's curve, and its end."""

    def __init__(self, name, command, env, limit):
        self.name, self.points, self.seconds, self.cpu = name, [], 0, 0
        progress(f"{name}: {' '.join(command)}")
        begin = time.monotonic()
        child = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        alarm = threading.Timer(limit, child.terminate)
        alarm.start()
        try:
            for line in child.stdout:
                self.read(line, child.pid, begin)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            child.terminate()
            child.wait()
            raise
        finally:
            alarm.cancel()
        self.seconds, self.cpu = time.monotonic() - begin, used.ru_utime + used.ru_stime
        self.status = child.returncode

    def read(self, line, pid, begin):
        found = POINT.match(line)
        if found:
            seconds = time.monotonic() - begin
            point = Point(float(found[2]), seconds, cpu_seconds(pid), float(found[3]))
            self.points.append(point)
            progress(f"  epoch {point.epoch:g}: {point.accuracy:.2f} % after {seconds:.0f} s "
                     f"({point.cpu:.0f} s of CPU time)")

    def first(self, accuracy):
        return next((one for one in self.points if one.accuracy >= accuracy), None)


def environment(threads, given):
    removed = steered()
    env = {key: text for key, text in os.environ.items() if key not in removed}
    return env | {"OMP_NUM_THREADS": str(threads)} | given


def commands_of(options, folder):
    """Of lockstep and PyTorch, which gets what makes it fastest: channels_last, malloc,
    statistics of the batch."""
    if options.recipe == "cifar_fast":
        ours = ["cifar_fast"]
        theirs = ["airbench_recipe.py", options.data, "--statistics", options.statistics]
    else:
        freeze = ["--freeze", "backbone" if options.recipe == "head" else "none"]
        ours = ["efficientnet_lite0", "--pretrained", options.pretrained, *freeze]
        theirs = ["finetune_recipe.py", options.data, "--weights", options.weights, *freeze]
    words = ["--threads", str(options.threads)]
    keys = {"epochs": options.epochs, "batch": options.batch, "seed": options.seed}
    ours = [options.lockstep, "train", *ours, "--data", options.data, *words]
    ours += ["--run", f"{folder}/run", "--tune", "off"]
    ours += [word for key, text in keys.items() for word in ("--set", f"train.{key}={text}")]
    theirs = [options.python, str(SCRIPTS.parent / "tests/peers" / theirs[0]), *theirs[1:], *words]
    theirs += [word for key, text in keys.items() for word in (f"--{key}", f"{text:g}")]
    return ours, theirs


def run_both(options, folder):
    cores = own_cores()[: options.threads]
    pinned = ["taskset", "-c", ",".join(map(str, cores))]
    ours, theirs = commands_of(options, folder)
    commands = {"lockstep": (ours, {}), "PyTorch": (theirs, MALLOC)}
    order = ("PyTorch", "lockstep") if options.torch_first else ("lockstep", "PyTorch")
    courses = {}
    for name in order:
        command, given = commands[name]
        env = environment(options.threads, given)
        courses[name] = Course(name, [*pinned, *command], env, options.timeout)
    return courses


def write_csv(path, courses):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["program", "epoch", "seconds", "cpu_seconds", "accuracy"])
        for course in courses.values():
            for point in course.points:
                writer.writerow([course.name, point.epoch, f"{point.seconds:.2f}",
                                 f"{point.cpu:.2f}", point.accuracy])


# --- the tables ---


def row(*cells):
    return "| " + " | ".join(cells) + " |"


HEAD = row("", "lockstep: time (CPU time)", "PyTorch", "ratio", "of CPU time")
RULE = "|---|---:|---:|---:|---:|"


def time_cell(point):
    return f"{point.seconds:,.0f} s ({point.cpu:,.0f} s)" if point else "not reached"


def whole_row(ours, theirs):
    whole = lambda course: f"{course.seconds:,.0f} s ({course.cpu:,.0f} s)"
    return row("whole command", whole(ours), whole(theirs),
               f"{ours.seconds / theirs.seconds:.2f}", f"{ours.cpu / theirs.cpu:.2f}")


def whole_table(ours, theirs, goal):
    """Of a run whose end counts."""
    a, b = ours.points[-1].accuracy, theirs.points[-1].accuracy
    good = a >= b - LEAST and ours.seconds <= goal * theirs.seconds
    return [HEAD, RULE, row("accuracy at the end", f"{a:.2f} %", f"{b:.2f} %", "", ""),
            whole_row(ours, theirs), "",
            f"Wanted: at most {goal} of PyTorch's time, at most {LEAST} points below it: "
            f"{'met' if good else '**missed**'}."]


def goal_table(ours, theirs, goal):
    lines = [HEAD, RULE]
    end = theirs.points[-1].accuracy
    for below in BELOW:
        a, b = ours.first(end - below), theirs.first(end - below)
        ratios = ["-", "-"] if not a else [f"{a.seconds / b.seconds:.2f}", f"{a.cpu / b.cpu:.2f}"]
        name = f"to {end - below:.2f} %" + (", PyTorch's last" if not below else "")
        lines.append(row(name, time_cell(a), time_cell(b), *ratios))
    lines.append(whole_row(ours, theirs))
    a, b = ours.first(end), theirs.first(end)
    if not a:
        verdict = f"**missed**: lockstep ended at {ours.points[-1].accuracy:.2f} %"
    else:
        verdict = "met" if a.seconds <= goal * b.seconds else "**missed**"
    return [*lines, "", f"Wanted: at most {goal} of PyTorch's time to its last accuracy: {verdict}."]


def curve_table(ours, theirs):
    lines = [row("epoch", "lockstep", "after", "PyTorch", "after"), "|---:|---:|---:|---:|---:|"]
    epochs = {}
    for side, course in enumerate((ours, theirs)):
        for point in course.points:
            epochs.setdefault(math.ceil(point.epoch), [None, None])[side] = point
    for epoch, points in sorted(epochs.items()):
        cells = [text for point in points for text in (
            (f"{point.accuracy:.2f} %", f"{point.seconds:,.0f} s") if point else ("-", "-"))]
        lines.append(row(str(epoch), *cells))
    return lines


def caption(options, load):
    busy = f" **The machine was not idle** (load {load:.1f})." if load > IDLE else ""
    tuned = options.recipe != "cifar_fast"
    statistics = "as it was" if tuned else f"over the {options.statistics}"
    return [
        f"{options.recipe}, {options.epochs:g} epochs, batch {options.batch}, seed {options.seed}, "
        f"{options.threads} threads on {cpu_name()}.{busy}",
        f"{version_of(options.lockstep)}; PyTorch {options.torch}: channels_last, glibc keeps "
        f"freed memory, batchnorm {statistics}.",
    ]


# --- the command line ---


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("data", help="a data set of colour pictures")
    add("--recipe", choices=GOALS, default="cifar_fast")
    add("--pretrained", metavar="W.h5", help="of finetune and head: imported weights")
    add("--weights", metavar="W.safetensors", help="the same for PyTorch")
    add("--epochs", type=float, help="default 9.9 of cifar_fast, 10 of the others")
    add("--batch", type=int, help="default 1024 of cifar_fast, 32 of the others")
    add("--seed", type=int, default=1)
    add("--threads", type=int, default=2)
    add("--statistics", choices=["grain", "batch"], default="batch", help="of PyTorch's norms")
    add("--torch-first", action="store_true", help="PyTorch before lockstep")
    add("--csv", metavar="FILE", help="write both curves to FILE")
    add("--timeout", type=float, metavar="S", default=6 * 3600, help="of each command")
    add("--python", help="a python that has PyTorch and h5py")
    add("--lockstep", metavar="PROGRAM", help="default build/lockstep",
        default=os.environ.get("LOCKSTEP"))
    options = parser.parse_args()
    options.lockstep = os.path.abspath(options.lockstep or SCRIPTS.parent / "build/lockstep")
    options.variants = ["eager"]
    tunes = options.recipe != "cifar_fast"
    options.epochs = options.epochs or (10 if tunes else 9.9)
    options.batch = options.batch or (32 if tunes else 1024)
    if tunes and not (options.pretrained and options.weights):
        parser.error(f"'--recipe {options.recipe}' needs --pretrained and --weights")
    if not os.access(options.lockstep, os.X_OK):
        parser.error(f"no program '{options.lockstep}': type 'make'")
    if options.threads > len(own_cores()):
        parser.error(f"'--threads {options.threads}': only {len(own_cores())} cores")
    options.python = choose_python(options)
    asked = [options.python, "-c", "import torch; print(torch.__version__)"]
    options.torch = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
    return options


def main():
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    load = os.getloadavg()[0]
    try:
        with tempfile.TemporaryDirectory() as folder:
            courses = run_both(options, folder)
    except KeyboardInterrupt:
        return 130
    if options.csv:
        write_csv(options.csv, courses)
    ours, theirs = courses["lockstep"], courses["PyTorch"]
    failed = [one for one in courses.values() if one.status or not one.points]
    for course in failed:
        print(f"{course.name}: exit status {course.status}, {len(course.points)} evaluations",
              file=sys.stderr)
    if failed:
        return 1
    table = goal_table if options.recipe == "cifar_fast" else whole_table
    lines = [*caption(options, load), "", *table(ours, theirs, GOALS[options.recipe]), "",
             *curve_table(ours, theirs)]
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
