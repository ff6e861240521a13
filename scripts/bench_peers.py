#!/usr/bin/env python3
"""Compare the reference network in lockstep and in PyTorch, on the same cores.

    bench_peers.py [--rounds N] [--seconds S] [--only PATTERN] [--quick] [--json FILE]

In every round, every setting is measured in both, one right after the other. A ratio is
the median of per-round ratios, so that neither a slow period of the machine nor one bad
measurement decides it. Prints a Markdown table of what was measured. Exit status: 0 all
measured (goals met or not), 1 something failed, 2 usage, 130 interrupted.
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile

SCRIPTS = pathlib.Path(__file__).resolve().parent
RUN = 0.45  # usual seconds of one repetition, in lockstep and in bench_torch.py
QUICK = "^1 thread, batch 64$|^2 ranks.* batch 64$|^forward"
VARIANTS = ("eager", "channels_last", "bf16", "bf16_channels_last")
ALONE = "one rank"  # lockstep on one rank, to compare several ranks with
# Variables that change the choice of kernels, threads or waiting: removed.
STEERING = ("OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_",
            "ATEN_", "LOCKSTEP_ISA")
TRIES = 2  # failures of a side at a setting before it is skipped


class Failure(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    batch: int
    threads: int = 1
    ranks: int = 1
    forward: bool = False
    isa: str = ""
    variants: tuple = VARIANTS
    goals: dict = dataclasses.field(default_factory=dict)  # peer: least ratio to it

    def cpus(self):
        return self.threads * self.ranks


def settings():
    single = [
        Setting(f"1 thread, batch {n}", n, goals={"eager": 4 if n == 16 else 5})
        for n in (16, 64, 256, 1024)
    ]
    double = [
        Setting(f"2 threads, batch {n}", n, threads=2, goals={"eager": 4.5})
        for n in (64, 256, 1024)
    ]
    ranks = [
        Setting(
            f"2 ranks x 1 thread, batch {n}", n, ranks=2,
            goals={"eager": 5, ALONE: 0.93} if n == 256 else {"eager": 5},
        )
        for n in (16, 64, 256, 1024)
    ]
    forward = Setting(
        "forward only, 1 thread, batch 256", 256, forward=True,
        goals={"eager": 5, "channels_last": 2},
    )
    older = [
        Setting(
            f"LOCKSTEP_ISA={isa}, 1 thread, batch 256", 256, isa=isa, variants=("eager",),
            goals=goals,
        )
        for isa, goals in (("v3", {"eager": 2.2}), ("v2", {}))
    ]
    return [*single, *double, *ranks, forward, *older]


# --- the machine ---


def read_first(path, pattern, default):
    try:
        found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else default


def own_cores():
    """One of the CPUs that this process may use from each physical core."""
    cores = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        topology = f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        cores.setdefault(read_first(topology, "(.+)", str(cpu)), cpu)
    return list(cores.values())


def steered():
    return sorted(name for name in os.environ if name.startswith(STEERING))


def can_import_torch(python):
    try:
        test = subprocess.run(
            [python, "-c", "import torch"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return test.returncode == 0


# --- one measurement ---


class Bench:
    """Starts either program; keeps what they report about themselves."""

    def __init__(self, options, python):
        self.lockstep = options.lockstep
        self.python = python
        self.repeats = str(max(1, round(options.seconds / RUN)))
        # seconds: for all variants with their warm-ups, on a much slower machine, too
        self.limit = str(60 + round(50 * options.seconds))
        self.cores = own_cores()
        self.about = {"lockstep": {}, "torch": {}}

    def run(self, setting, program):
        """Returns its JSON output. `timeout` also ends it if this script is ended."""
        steering = steered()
        env = {key: text for key, text in os.environ.items() if key not in steering}
        env["OMP_NUM_THREADS"] = str(setting.threads)
        if setting.isa:
            env["LOCKSTEP_ISA"] = setting.isa
        # mpirun ends its ranks at one signal; at a second one it leaves them behind. So
        # only `timeout` passes signals on, once: a session of its own gets no Ctrl-C.
        command = ["timeout", "--foreground", "-k", "20", self.limit]
        with subprocess.Popen(
            [*command, *self.launch(setting, program)], env=env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        ) as child:
            try:
                out, err = child.communicate()
            except BaseException:
                child.terminate()
                child.wait()
                raise
        return self.answer(child.returncode, out, err)

    def launch(self, setting, program):
        """The same CPUs for both: one core per thread; a rank may use all of its cores."""
        cores = [str(cpu) for cpu in self.cores]
        if setting.ranks == 1:
            return ["taskset", "-c", ",".join(cores[: setting.threads]), *program]
        words = []
        for rank in range(setting.ranks):
            mine = cores[rank * setting.threads : (rank + 1) * setting.threads]
            words += [":", "-n", "1", "taskset", "-c", ",".join(mine), *program]
        sourced = ["bash", "-c", 'source "$0" && exec "$@"', str(SCRIPTS / "mpi.sh")]
        return [*sourced, "mpirun", "--bind-to", "none", *words[1:]]

    def answer(self, status, out, err):
        if status in (124, 137):
            raise Failure(f"not done after {self.limit} s")
        if status:
            said = [line for line in err.splitlines() if re.search(r"\w", line)]
            errors = [line for line in said if re.match(r"lockstep:|\w*Error:", line)]
            raise Failure(f"exit status {status}: {(errors or said or ['(silent)'])[-1]}")
        try:
            return json.loads(out)
        except ValueError:
            raise Failure(f"not JSON: {out[:60]!r}") from None

    def measure_lockstep(self, setting):
        words = ["--batch", str(setting.batch), "--threads", str(setting.threads)]
        program = [self.lockstep, "bench", "step", *words, "--repeats", self.repeats]
        (row,) = self.run(setting, [*program, "--json"])
        if not setting.isa:
            self.about["lockstep"] = {key: row[key] for key in ("isa", "blas")}
        pass_name = "forward" if setting.forward else "train"
        return row[f"{pass_name}_images_per_second"]

    def measure_torch(self, setting):
        """Returns the rates, and messages about variants that failed."""
        words = ["--batch", str(setting.batch), "--threads", str(setting.threads)]
        words += ["--repeats", self.repeats, "--variants", ",".join(setting.variants)]
        words += ["--forward"] if setting.forward else []
        with tempfile.TemporaryDirectory() as folder:
            words += ["--store", f"{folder}/store"]
            program = [self.python, str(SCRIPTS / "bench_torch.py"), *words]
            said = self.run(setting, program)
        self.about["torch"] = said["torch"]
        return said["rates"], said["errors"]


# --- rounds ---


class Result:
    """The measurements of a setting: for every round the images/s of each side."""

    def __init__(self, setting):
        self.setting = setting
        self.rounds = []
        self.errors = []
        self.failed = collections.Counter()

    def fail(self, side, problem):
        self.failed[side] += 1
        self.errors.append(f"{side}: {problem}")
        progress(f"  {side}: {problem}")

    def add_round(self, bench):
        self.rounds.append({})
        sides = {"lockstep": self.add_lockstep, "PyTorch": self.add_torch}
        if ALONE in self.setting.goals:
            sides[ALONE] = self.add_alone
        for side, add in sides.items():
            if self.failed[side] < TRIES:
                try:
                    add(bench, self.rounds[-1])
                except Failure as problem:
                    self.fail(side, problem)

    def add_lockstep(self, bench, rates):
        rates["lockstep"] = bench.measure_lockstep(self.setting)

    def add_torch(self, bench, rates):
        measured, errors = bench.measure_torch(self.setting)
        rates.update(measured)
        for variant, problem in errors.items():
            self.fail(variant, problem)

    def add_alone(self, bench, rates):
        rates[ALONE] = bench.measure_lockstep(dataclasses.replace(self.setting, ranks=1))

    def rates(self, side):
        return [rates[side] for rates in self.rounds if side in rates]

    def ratios(self, peer):
        """Of lockstep to a peer; for ALONE, to the rate of one rank times the ranks."""
        times = self.setting.ranks if peer == ALONE else 1
        return [
            rates["lockstep"] / (times * rates[peer])
            for rates in self.rounds
            if "lockstep" in rates and peer in rates
        ]

    def best_variant(self):
        measured = [name for name in VARIANTS if self.rates(name)]
        median = lambda name: statistics.median(self.rates(name))
        return max(measured, key=median, default="")


def progress(text):
    print(text, file=sys.stderr, flush=True)


def measure_all(bench, results, rounds):
    """Returns False if it was interrupted."""
    try:
        for number in range(rounds):
            for result in results:
                progress(f"round {number + 1} of {rounds}: {result.setting.name}")
                result.add_round(bench)
                rates = result.rounds[-1].items()
                texts = [f"{side} {rate:,.0f}" for side, rate in rates]
                progress("  " + (", ".join(texts) or "nothing"))
    except KeyboardInterrupt:
        progress("interrupted")
        return False
    return True


# --- the table ---


def spread(values, form):
    """Median (least-most)."""
    if not values:
        return "-"
    middle = format(statistics.median(values), form)
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):{form}}-{max(values):{form}})"


def goal_cell(result):
    """The goals; with the ratios that have no column of their own."""
    cells = []
    for peer, least in result.setting.goals.items():
        ratios = result.ratios(peer)
        if not ratios:
            verdict = "not measured"
        else:
            verdict = "met" if statistics.median(ratios) >= least else "**missed**"
        wanted = f"{least} x {peer}"
        if peer == ALONE:
            wanted = f"{least} of {result.setting.ranks} x {ALONE}"
        value = f" at {spread(ratios, '.2f')}" if peer != "eager" and ratios else ""
        cells.append(f"{wanted}: {verdict}{value}")
    return "; ".join(cells) or "-"


def table_row(result):
    best = result.best_variant()
    cells = [
        result.setting.name,
        spread(result.rates("lockstep"), ",.0f"),
        spread(result.rates("eager"), ",.0f"),
        spread(result.ratios("eager"), ".2f"),
        f"{best} {spread(result.rates(best), ',.0f')}".strip(),
        spread(result.ratios(best), ".2f"),
        goal_cell(result),
    ]
    return "| " + " | ".join(cells) + " |"


def table(results):
    heads = ["setting", "lockstep", "PyTorch eager", "ratio", "PyTorch's best", "ratio",
             "wanted at least"]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * 5 + "---|"]
    lines += [table_row(result) for result in results if result.rounds]
    failures = [
        f"- {result.setting.name}: {error}" + (f" ({times} times)" if times > 1 else "")
        for result in results
        for error, times in collections.Counter(result.errors).items()
    ]
    if failures:
        lines += ["", "Failed:", "", *failures]
    return "\n".join(lines)


def machine(bench, load):
    command = [bench.lockstep, "--version"]
    version = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return {
        "cpu": read_first("/proc/cpuinfo", r"^model name\s*:(.+)", os.uname().machine),
        "cores": bench.cores,
        "load_before": load,
        "removed_from_environment": steered(),
        "lockstep": {"version": version.stdout.strip(), **bench.about["lockstep"]},
        "torch": {**bench.about["torch"], "python": bench.python},
    }


def caption(facts, rounds):
    ours, theirs = facts["lockstep"], facts["torch"]
    lines = [
        f"Images per second on {len(facts['cores'])} cores of {facts['cpu']}: median of "
        f"{rounds} interleaved round{'s' if rounds != 1 else ''} (least-most).",
        f"{ours['version']}, {ours.get('isa', '?')} kernels, {ours.get('blas', '?')}.",
        f"PyTorch {theirs.get('version', '?')}, oneDNN {theirs.get('onednn', '?')}, ATen "
        f"{theirs.get('capability', '?')}, BLAS {theirs.get('blas', '?')}; ranks by "
        "DistributedDataParallel over gloo.",
        "A step is forward, backward and SGD with momentum. PyTorch gets prepared float "
        "batches; lockstep selects, shuffles and normalises bytes within the step.",
        "Both run on the same CPUs, one per thread.",
    ]
    if facts["removed_from_environment"]:
        names = ", ".join(facts["removed_from_environment"])
        lines.append(f"Removed from the environment of both: {names}.")
    if facts["load_before"] > 0.5:
        lines.append(
            f"**The machine was not idle** (load {facts['load_before']:.1f} before the "
            "start): the figures are unreliable."
        )
    return "\n".join(lines)


def write_json(path, facts, results):
    rows = [
        {
            **dataclasses.asdict(result.setting),
            "rounds": result.rounds,
            "medians": {
                side: statistics.median(result.rates(side))
                for side in ("lockstep", *VARIANTS, ALONE)
                if result.rates(side)
            },
            "ratios": {
                peer: statistics.median(result.ratios(peer))
                for peer in (*VARIANTS, ALONE)
                if result.ratios(peer)
            },
            "errors": result.errors,
        }
        for result in results
    ]
    with open(path, "w") as file:
        json.dump({"machine": facts, "settings": rows}, file, indent=1)
        file.write("\n")


# --- the command line ---


def parse():
    parser = argparse.ArgumentParser(
        description="Compare the reference network in lockstep and in PyTorch, and print a "
        "Markdown table. A round takes about four minutes."
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="number of rounds (default 5)")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help="approximate length of a measurement (default 1.5)")
    parser.add_argument("--only", metavar="PATTERN", help="settings whose name matches")
    parser.add_argument("--quick", action="store_true",
                        help="few settings, one short round")
    parser.add_argument("--json", metavar="FILE", help="also write all measurements to FILE")
    parser.add_argument("--python", help="a python that has PyTorch")
    parser.add_argument("--lockstep", metavar="PROGRAM", help="build/lockstep",
                        default=os.environ.get("LOCKSTEP"))
    options = parser.parse_args()
    quick = options.quick
    if options.rounds is None:
        options.rounds = 1 if quick else 5
    if options.seconds is None:
        options.seconds = 0.3 if quick else 1.5
    if options.only is None:
        options.only = QUICK if quick else ""
    built = SCRIPTS.parent / "build/lockstep"
    options.lockstep = os.path.abspath(options.lockstep or built)
    if options.rounds < 1 or options.seconds <= 0:
        parser.error("'--rounds' and '--seconds' must be positive")
    if not os.access(options.lockstep, os.X_OK):
        parser.error(f"no program '{options.lockstep}': type 'make'")
    return options


def choose_python(options):
    """The python of the user's PATH is preferred to Debian's."""
    pythons = [options.python] if options.python else [sys.executable, "/usr/bin/python3"]
    for python in pythons:
        if can_import_torch(python):
            return python
    sys.exit(f"no PyTorch in {' or '.join(pythons)}: type 'scripts/setup.sh peers'")


def choose_settings(options, cores):
    try:
        named = [one for one in settings() if re.search(options.only, one.name)]
    except re.error as problem:
        sys.exit(f"'--only {options.only}': {problem}")
    chosen = [setting for setting in named if setting.cpus() <= cores]
    for setting in named:
        if setting not in chosen:
            progress(f"skipped, because there are only {cores} cores: {setting.name}")
    if not chosen:
        sys.exit(f"'--only {options.only}': no setting that can be measured matches")
    return chosen


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench = Bench(options, choose_python(options))
    results = [Result(one) for one in choose_settings(options, len(bench.cores))]
    load = os.getloadavg()[0]
    if load > 0.5:
        progress(f"note: the load is {load:.1f}: figures are reliable on an idle machine only")
    done = measure_all(bench, results, options.rounds)
    facts = machine(bench, load)
    rounds = max(len(result.rounds) for result in results)
    if options.json:
        write_json(options.json, facts, results)
    print(f"{caption(facts, rounds)}\n\n{table(results)}")
    if not done:
        return 130
    return 1 if any(result.errors for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
