"""The table, the caption and the JSON file of bench_peers.py."""

import collections
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess

from bench_peers_settings import ALONE, BEFORE, BEST

IDLE = 0.5  # load average under which a machine is


def read_first(path, pattern, default):
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else default


def cpu_name():
    """Virtual machines may hide the model's name, but not its number."""
    fact = lambda key: read_first("/proc/cpuinfo", rf"^{key}\s*:(.+)", "")
    name = fact("model name") or os.uname().machine
    numbers = [f"{key} {fact(key)}" for key in ("cpu family", "model") if fact(key)]
    return f"{name} ({', '.join(numbers)})" if numbers else name


def spread(values, form=None):
    """Median (least-most)."""
    if not values:
        return "-"
    form = form or (",.0f" if statistics.median(values) >= 100 else ".1f")
    middle = format(statistics.median(values), form)
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):{form}}-{max(values):{form}})"


def goal_cell(result, clock, against, torch):
    """The goals; with the ratios that have no column of their own."""
    cells = []
    for peer, least in result.setting.goals.items():
        asked = against if peer == BEFORE else torch or peer == ALONE
        if not asked:
            continue
        ratios = result.ratios(peer, clock)
        if not ratios:
            verdict = "not measured"
        else:
            verdict = "met" if statistics.median(ratios) >= least else "**missed**"
        wanted = f"{least} x {peer}"
        if peer == ALONE:
            wanted = f"{least} of {result.setting.ranks} x {ALONE}"
        own_column = peer in ("eager", BEST, BEFORE)
        value = f" at {spread(ratios, '.2f')}" if ratios and not own_column else ""
        cells.append(f"{wanted}: {verdict}{value}")
    return "; ".join(cells) or "-"


def columns(clock, against, torch):
    """(head, a function of a result) of each; 'wall' is the time that a user waits."""
    found = [("lockstep", lambda one: spread(one.rates("lockstep", "wall")))]
    ratio = lambda peer, by: lambda one: spread(one.ratios(peer, by), ".2f")
    if torch:
        best = lambda one: one.best_variant(clock)
        found += [
            ("PyTorch eager", lambda one: spread(one.rates("eager", "wall"))),
            ("ratio", ratio("eager", "wall")),
            ("PyTorch's best", lambda one: f"{best(one)} {spread(one.rates(best(one), 'wall'))}"),
            ("ratio", ratio(BEST, "wall")),
            ("ratio by CPU time", ratio(BEST, "cpu")),
        ]
    if against:
        found += [
            ("lockstep before", lambda one: spread(one.rates(BEFORE, "wall"))),
            ("ratio to before", ratio(BEFORE, "wall")),
            ("by CPU time", ratio(BEFORE, "cpu")),
        ]
    return [*found, ("wanted at least", lambda one: goal_cell(one, clock, against, torch))]


def notes(results, kind):
    return [
        f"- {result.setting.name}: {text}" + (f" ({times} times)" if times > 1 else "")
        for result in results
        for text, times in collections.Counter(getattr(result, kind)).items()
    ]


def table(results, clock, against, torch):
    shown = columns(clock, against, torch)
    heads = ["setting", *(head for head, _ in shown)]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(shown) - 1) + "---|"]
    for result in results:
        if result.rounds:
            cells = [result.setting.name, *(cell(result).strip() for _, cell in shown)]
            lines.append("| " + " | ".join(cells) + " |")
    for head, kind in ("Failed", "errors"), ("Skipped", "skipped"):
        said = notes(results, kind)
        lines += ["", f"{head}:", "", *said] if said else []
    return "\n".join(lines)


def version_of(lockstep):
    said = subprocess.run([lockstep, "--version"], capture_output=True, text=True, timeout=60)
    return said.stdout.strip()


def machine(bench, load, removed):
    before = {"version": version_of(bench.against)} if bench.against else None
    return {
        "cpu": cpu_name(),
        "cores": bench.cores,
        "load_before": load,
        "removed_from_environment": removed,
        "clock": bench.clock,
        "lockstep": {"version": version_of(bench.lockstep), **bench.about["lockstep"]},
        "before": before,
        "torch": {**bench.about["torch"], "python": bench.python} if bench.python else None,
    }


def caption(facts, rounds):
    ours, theirs = facts["lockstep"], facts["torch"]
    lines = [
        f"Images per second on {len(facts['cores'])} cores of {facts['cpu']}: median of "
        f"{rounds} interleaved round{'s' if rounds != 1 else ''} (least-most).",
        f"{ours['version']}, {ours.get('isa', '?')} kernels, {ours.get('blas', '?')}.",
    ]
    if facts["before"]:
        lines.append(f"Before: {facts['before']['version']}.")
    if theirs:
        lines += [
            f"PyTorch {theirs.get('version', '?')}, oneDNN {theirs.get('onednn', '?')}, ATen "
            f"{theirs.get('capability', '?')}, BLAS {theirs.get('blas', '?')}; ranks by "
            "DistributedDataParallel over gloo; +malloc: glibc keeps freed memory.",
            "A step is forward, backward and SGD with momentum. PyTorch gets prepared float "
            "batches and normalises by the batch; lockstep selects, shuffles and normalises "
            "bytes within the step, and its batchnorms normalise by the grain.",
        ]
    lines.append("All run on the same CPUs, one per thread.")
    if facts["removed_from_environment"]:
        names = ", ".join(facts["removed_from_environment"])
        lines.append(f"Removed from the environment of both: {names}.")
    if facts["load_before"] > IDLE:
        lines.append(
            f"**The machine was not idle** (load {facts['load_before']:.1f} before the "
            "start): images per second are unreliable."
        )
    if facts["clock"] == "cpu":
        lines.append("The best variant and the verdicts are those by CPU time.")
    return "\n".join(lines)


def write_json(path, facts, results, sides):
    medians = lambda values: {key: statistics.median(of) for key, of in values.items() if of}
    rows = [
        {
            **dataclasses.asdict(result.setting),
            "rounds": result.rounds,
            **{
                f"{kind}_{clock}": medians({side: get(side, clock) for side in names})
                for clock in ("wall", "cpu")
                for kind, get, names in (
                    ("medians", result.rates, ("lockstep", *sides)),
                    ("ratios", result.ratios, (*sides, BEST)),
                )
            },
            "best": result.best_variant(facts["clock"]),
            "errors": result.errors,
            "skipped": result.skipped,
        }
        for result in results
    ]
    with open(path, "w") as file:
        json.dump({"machine": facts, "settings": rows}, file, indent=1)
        file.write("\n")
