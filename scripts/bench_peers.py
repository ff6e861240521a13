#!/usr/bin/env python3
"""Compare training steps of networks in lockstep and in PyTorch, on the same cores.

    bench_peers.py [--rounds N] [--seconds S] [--only PATTERN] [--quick] [--json FILE]
                   [--variants NAME,...|none] [--against PROGRAM]

In every round, every setting is measured on all sides, one right after the other. A ratio is
the median of per-round ratios, so that neither a slow period of the machine nor one bad
measurement decides it. From the second round on, variants of PyTorch that are far from the
best one are left out. --against measures another lockstep, too, such as an older one. Prints
a Markdown table of what was measured. Exit status: 0 all measured (goals met or not),
1 something failed, 2 usage, 130 interrupted.
"""

import argparse
import collections
import dataclasses
import json
import os
import re
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile

from bench_peers_settings import (
    ALONE, BEFORE, BEST, FULL_PRECISION, LETTERS, QUICK_VARIANTS, VARIANTS, plain_config, settings,
)
from bench_peers_table import IDLE, caption, machine, read_first, table, write_json

SCRIPTS = pathlib.Path(__file__).resolve().parent
RUN = 0.45  # usual seconds of one repetition, in lockstep and in bench_torch.py
QUICK = "^letters, 1 thread, batch 64$|^letters, 2 ranks.* batch 64$|forward"
# Variables that change the choice of kernels, threads, memory or waiting: removed.
STEERING = ("OPENBLAS_", "GOTO_", "OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_",
            "ATEN_", "LOCKSTEP_ISA", "MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
TRIES = 2  # failures of a side at a setting before it is skipped
NEAR = 0.85  # of the best: variants that are measured in further rounds


class Failure(Exception):
    pass


class Slow(Failure):
    """Not worth another try."""


# --- the machine ---


def own_cores():
    """One of the CPUs that this process may use from each physical core."""
    cores = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        topology = f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        cores.setdefault(read_first(topology, "(.+)", str(cpu)), cpu)
    return list(cores.values())


def steered():
    return sorted(name for name in os.environ if name.startswith(STEERING))


def torch_version(python):
    """As numbers; None if this python has no PyTorch."""
    try:
        test = subprocess.run(
            [python, "-c", "import torch; print(torch.__version__)"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"(\d+)\.(\d+)", test.stdout)
    return (int(found[1]), int(found[2])) if found and test.returncode == 0 else None


# --- one measurement ---


class Bench:
    """Starts the programs; keeps what they report about themselves."""

    def __init__(self, options, python, folder):
        self.lockstep, self.against = options.lockstep, options.against
        self.python = python
        self.folder = folder
        self.clock = options.clock
        self.repeats = str(max(1, round(options.seconds / RUN)))
        self.limit = str(options.timeout)
        self.cores = own_cores()
        self.about = {"lockstep": {}, "torch": {}}

    def environment(self, setting, given):
        env = {key: text for key, text in os.environ.items() if key not in steered()}
        # Open MPI's folders of two mpirun at a time can collide; torch.compile's results
        # are kept from round to round.
        env |= {"OMP_NUM_THREADS": str(setting.threads), "TMPDIR": self.folder,
                "TORCHINDUCTOR_CACHE_DIR": f"{self.folder}/inductor",
                "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        if setting.isa:
            env["LOCKSTEP_ISA"] = setting.isa
        return env | given

    def run(self, setting, program, given):
        """Returns its JSON output. `timeout` also ends it if this script is ended."""
        # mpirun ends its ranks at one signal; at a second one it leaves them behind. So
        # only `timeout` passes signals on, once: a session of its own gets no Ctrl-C.
        command = ["timeout", "--foreground", "-k", "20", self.limit]
        with subprocess.Popen(
            [*command, *self.launch(setting, program)], text=True,
            env=self.environment(setting, given), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
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
            raise Slow(f"not done after {self.limit} s")
        if status:
            said = [line for line in err.splitlines() if re.search(r"\w", line)]
            errors = [line for line in said if re.match(r"lockstep:|[\w.]*Error:", line)]
            raise Failure(f"exit status {status}: {(errors or said or ['(silent)'])[-1]}")
        try:
            return json.loads(out)
        except ValueError:
            raise Failure(f"not JSON: {out[:60]!r}") from None

    def config(self, lockstep, network):
        """The words that name it: a file, or none for the reference network."""
        if network is LETTERS:
            return []
        if network.config:
            return [str(SCRIPTS.parent / network.config)]
        told = subprocess.run([lockstep, "models", network.name], capture_output=True, text=True)
        if told.returncode:
            raise Failure(told.stderr.strip() or f"exit status {told.returncode}")
        path = pathlib.Path(self.folder, f"{network.name}.conf")
        path.write_text(plain_config(told.stdout))
        return [str(path)]

    def measure_lockstep(self, setting, lockstep):
        network, kind = setting.network, "forward" if setting.forward else "train"
        program = [lockstep, "bench", "step", *self.config(lockstep, network)]
        program += ["--batch", str(setting.batch), "--threads", str(setting.threads)]
        program += network.image_size() + ([] if setting.forward else ["--train"])
        (row,) = self.run(setting, [*program, "--repeats", self.repeats, "--json"], {})
        if not setting.isa and lockstep == self.lockstep:
            self.about["lockstep"] = {key: row[key] for key in ("isa", "blas")}
        rates = {"wall": row[f"{kind}_images_per_second"]}
        cpu = row.get(f"{kind}_images_per_cpu_second")  # an older one does not tell it
        return rates | ({"cpu": cpu} if cpu else {})

    def measure_torch(self, setting, name):
        variant, given = VARIANTS[name]
        network = setting.network
        words = ["--network", network.name, "--shape", network.shape, "--variant", variant]
        words += ["--batch", str(setting.batch), "--threads", str(setting.threads)]
        words += ["--repeats", self.repeats, *(["--forward"] if setting.forward else [])]
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            words += ["--store", f"{folder}/store"]
            program = [self.python, str(SCRIPTS / "bench_torch.py"), *words]
            said = self.run(setting, program, given)
        self.about["torch"] = said["torch"]
        return said

    def measure(self, setting, side):
        """Rates by clock; or {"skipped": reason}."""
        if side in VARIANTS:
            said = self.measure_torch(setting, side)
            return said if "skipped" in said else {"wall": said["rate"], "cpu": said["cpu_rate"]}
        if side == ALONE:
            setting = dataclasses.replace(setting, ranks=1)
        return self.measure_lockstep(setting, self.against if side == BEFORE else self.lockstep)


# --- rounds ---


class Result:
    """The measurements of a setting: for every round the rates of each side, by clock."""

    def __init__(self, setting, variants, against):
        self.setting = setting
        self.variants = [name for name in setting.variants if name in variants]
        alone = [ALONE] if ALONE in setting.goals else []
        self.ours = ["lockstep", *([BEFORE] if against else []), *alone]
        self.rounds = []
        self.errors = []
        self.skipped = []
        self.failed = collections.Counter()

    def fail(self, side, problem):
        self.failed[side] += TRIES if isinstance(problem, Slow) else 1
        self.errors.append(f"{side}: {problem}")
        progress(f"  {side}: {problem}")

    def skip(self, side, reason):
        self.failed[side] = TRIES
        self.skipped.append(f"{side}: {reason}")

    def sides(self, clock):
        """In turn forwards and backwards, so that no side always comes after another."""
        best = self.best_variant(clock)
        least = NEAR * statistics.median(self.rates(best, clock)) if best else 0
        near = lambda name: name == "eager" or not self.rates(name, clock) or (
            statistics.median(self.rates(name, clock)) >= least)
        chosen = [*self.ours, *filter(near, self.variants)]
        chosen = [side for side in chosen if self.failed[side] < TRIES]
        return chosen if len(self.rounds) % 2 == 0 else chosen[::-1]

    def add_round(self, bench):
        sides = self.sides(bench.clock)
        self.rounds.append({})
        for side in sides:
            try:
                rates = bench.measure(self.setting, side)
            except Failure as problem:
                self.fail(side, problem)
                continue
            if "skipped" in rates:
                self.skip(side, rates["skipped"])
            else:
                self.rounds[-1][side] = rates

    def rates(self, side, clock):
        found = (rates.get(side, {}).get(clock) for rates in self.rounds)
        return [rate for rate in found if rate]

    def ratios(self, peer, clock):
        """Of lockstep to a peer; for ALONE, to the rate of one rank times the ranks. CPU
        time is that of the busiest rank, so that ranks count in it, too."""
        side = self.best_variant(clock) if peer == BEST else peer
        times = self.setting.ranks if peer == ALONE else 1
        pairs = ((one.get("lockstep", {}).get(clock), one.get(side, {}).get(clock))
                 for one in self.rounds)
        return [ours / (times * theirs) for ours, theirs in pairs if ours and theirs]

    def best_variant(self, clock):
        measured = [name for name in FULL_PRECISION if self.rates(name, clock)]
        median = lambda name: statistics.median(self.rates(name, clock))
        return max(measured, key=median, default="")


def progress(text):
    print(text, file=sys.stderr, flush=True)


def rate_text(side, rates):
    cpu = f" ({rates['cpu']:,.1f} by CPU time)" if "cpu" in rates else ""
    return f"{side} {rates['wall']:,.1f}{cpu}"


def measure_all(bench, results, rounds):
    """Returns False if it was interrupted."""
    try:
        for number in range(rounds):
            for result in results:
                progress(f"round {number + 1} of {rounds}: {result.setting.name}")
                result.add_round(bench)
                texts = [rate_text(*item) for item in result.rounds[-1].items()]
                progress("  " + (", ".join(texts) or "nothing"))
    except KeyboardInterrupt:
        progress("interrupted")
        return False
    return True


# --- the command line ---


def parser():
    found = argparse.ArgumentParser(
        description="Compare networks in lockstep and in PyTorch, and print a Markdown table. "
        "A round of everything takes about an hour."
    )
    add = found.add_argument
    add("--rounds", type=int, metavar="N", help="number of rounds (default 3)")
    add("--seconds", type=float, metavar="S",
        help="approximate length of a measurement (default 1.5)")
    add("--only", metavar="PATTERN", help="settings whose name matches")
    add("--list", action="store_true", help="print the names of the settings")
    add("--quick", action="store_true", help="few settings and variants, one short round")
    add("--json", metavar="FILE", help="also write all measurements to FILE")
    add("--variants", metavar="NAME,...",
        help=f"of {', '.join(VARIANTS)} (default all that a setting has); none: no PyTorch")
    add("--clock", choices=["wall", "cpu"], help="what the verdicts go by (default wall on an "
        "idle machine, else cpu)")
    add("--timeout", type=int, metavar="S", default=900,
        help="of a measurement, with its warm-up (default 900)")
    add("--python", help="a python that has PyTorch (default: that with the newest one)")
    add("--lockstep", metavar="PROGRAM", help="default build/lockstep",
        default=os.environ.get("LOCKSTEP"))
    add("--against", metavar="PROGRAM", help="another lockstep, to compare with")
    return found


def parse():
    this = parser()
    options = this.parse_args()
    quick = options.quick
    if options.rounds is None:
        options.rounds = 1 if quick else 3
    if options.seconds is None:
        options.seconds = 0.3 if quick else 1.5
    if options.only is None:
        options.only = QUICK if quick else ""
    words = options.variants or ",".join(QUICK_VARIANTS if quick else VARIANTS)
    options.variants = [] if words == "none" else words.split(",")
    unknown = set(options.variants) - set(VARIANTS)
    if unknown:
        this.error(f"unknown variant '{unknown.pop()}': {', '.join(VARIANTS)}")
    if options.rounds < 1 or options.seconds <= 0 or options.timeout < 1:
        this.error("'--rounds', '--seconds' and '--timeout' must be positive")
    options.lockstep = os.path.abspath(options.lockstep or SCRIPTS.parent / "build/lockstep")
    options.against = options.against and os.path.abspath(options.against)
    for program in filter(None, (options.lockstep, options.against)):
        if not os.access(program, os.X_OK):
            this.error(f"no program '{program}': type 'make'")
    return options


def choose_python(options):
    """The one with the newest PyTorch, of several the first."""
    if not options.variants:
        return None
    environment = os.environ.get("VIRTUAL_ENV")
    pythons = [f"{environment}/bin/python"] if environment else []
    pythons += [str(SCRIPTS.parent / "build/venv/bin/python"), "python3", sys.executable,
                "/usr/bin/python3"]
    pythons = [options.python] if options.python else list(dict.fromkeys(pythons))
    found = {python: version for python in pythons if (version := torch_version(python))}
    if not found:
        sys.exit(f"no PyTorch in {' or '.join(pythons)}: type 'scripts/setup.sh peers'")
    return max(found, key=found.get)


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


def measured(options, folder):
    """Measures, prints the table; returns the exit status."""
    load = os.getloadavg()[0]
    options.clock = options.clock or ("wall" if load <= IDLE else "cpu")
    bench = Bench(options, choose_python(options), folder)
    chosen = choose_settings(options, len(bench.cores))
    results = [Result(one, options.variants, options.against) for one in chosen]
    if load > IDLE:
        progress(f"note: the load is {load:.1f}: figures are reliable on an idle machine only")
    done = measure_all(bench, results, options.rounds)
    facts = machine(bench, load, steered())
    rounds = max(len(result.rounds) for result in results)
    if options.json:
        write_json(options.json, facts, results, (*VARIANTS, BEFORE, ALONE))
    shown = table(results, bench.clock, options.against, bool(options.variants))
    print(f"{caption(facts, rounds)}\n\n{shown}")
    if not done:
        return 130
    return 1 if any(result.errors for result in results) else 0


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    options = parse()
    if options.list:
        print("\n".join(one.name for one in settings()))
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder:
        return measured(options, folder)


if __name__ == "__main__":
    sys.exit(main())
