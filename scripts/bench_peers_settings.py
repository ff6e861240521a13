"""What bench_peers.py measures: networks, settings, variants of PyTorch, goals."""

import dataclasses
import re

# Sides that a goal may name besides a variant of PyTorch.
BEST = "best"  # the fastest of the variants with full precision
ALONE = "one rank"  # lockstep on one rank, to compare several ranks with
BEFORE = "before"  # another lockstep, with --against

# By default glibc gives large blocks back to the system, which has to clear them again: page
# faults take up to a third of PyTorch's step. MALLOC keeps all of them.
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}
# Name: bench_torch.py's --variant, environment.
VARIANTS = {
    "eager": ("eager", {}),
    "channels_last": ("channels_last", {}),
    "eager+malloc": ("eager", MALLOC),
    "channels_last+malloc": ("channels_last", MALLOC),
    "compile+malloc": ("compile", MALLOC),
    "bf16+malloc": ("bf16", MALLOC),
}
FULL_PRECISION = tuple(name for name in VARIANTS if not name.startswith("bf16"))
QUICK_VARIANTS = ("eager", "channels_last+malloc")
RANKS_VARIANTS = ("eager", "channels_last", "channels_last+malloc")


@dataclasses.dataclass(frozen=True)
class Network:
    """goals: the least ratio to PyTorch's best on 1 thread, and on 2."""

    name: str
    shape: str
    batch: int
    goals: tuple
    config: str = ""  # relative to the source; else that of `lockstep models NAME`

    def image_size(self):
        """The words that choose it: built-in letters have 28x28 pixels by themselves."""
        height, width, _ = self.shape.split("x")
        return [] if self.shape == LETTERS.shape else ["--image-size", f"{height}x{width}"]


LETTERS = Network("letters", "28x28x1", 256, (4.2, 4.5))
NETWORKS = (
    LETTERS,
    Network("vgg28", "28x28x1", 32, (2.2, 2.2), config="configs/vgg28.conf"),
    Network("resnet20", "32x32x3", 128, (1.8, 2.0)),
    Network("resnet18_cifar", "32x32x3", 64, (2.2, 2.3)),
    Network("cifar_fast", "32x32x3", 128, (2.4, 2.4)),
    Network("resnet18", "224x224x3", 16, (1.9, 1.9)),
    Network("mobilenetv2", "160x160x3", 16, (1.8, 2.2)),
    Network("efficientnet_lite0", "224x224x3", 32, (None, 2.2)),
    Network("resnet50", "224x224x3", 8, (1.5, 1.8)),
)
ON_RANKS = ("resnet20", "resnet18_cifar", "cifar_fast", "mobilenetv2")


@dataclasses.dataclass(frozen=True)
class Setting:
    name: str
    network: Network
    batch: int
    threads: int = 1
    ranks: int = 1
    forward: bool = False
    isa: str = ""
    variants: tuple = tuple(VARIANTS)
    goals: dict = dataclasses.field(default_factory=dict)  # peer: least ratio to it

    def cpus(self):
        return self.threads * self.ranks


def setting(network, batch=None, **others):
    batch = batch or network.batch
    threads, ranks = others.get("threads", 1), others.get("ranks", 1)
    workers = f"{threads} thread{'s' if threads > 1 else ''}"
    if ranks > 1:
        workers = f"{ranks} ranks x {workers}"
        others.setdefault("variants", RANKS_VARIANTS)
    others["goals"] = others.get("goals", {}) | {BEFORE: others.pop("before", 1)}
    return Setting(f"{network.name}, {workers}, batch {batch}", network, batch, **others)


def of_network(network):
    single, double = network.goals
    found = [
        setting(network, goals={BEST: single} if single else {}),
        setting(network, threads=2, goals={BEST: double}),
    ]
    if network.name in ON_RANKS:
        found.append(setting(network, ranks=2, goals={ALONE: 0.95}))
    return found


def of_letters():
    one, two = LETTERS.goals
    more = 1.25  # wanted of the new kernels, besides their not being slower elsewhere
    single = [setting(LETTERS, n, goals={"eager": 4 if n == 16 else 5}) for n in (16, 64, 1024)]
    double = [setting(LETTERS, n, threads=2, goals={"eager": 4.5}) for n in (64, 1024)]
    ranks = [setting(LETTERS, n, ranks=2, goals={"eager": 5}) for n in (16, 64, 1024)]
    found = [
        setting(LETTERS, goals={"eager": 5, BEST: one}, before=more),
        *single,
        setting(LETTERS, threads=2, goals={"eager": 4.5, BEST: two}),
        *double,
        setting(LETTERS, ranks=2, goals={"eager": 5, ALONE: 0.95}),
        *ranks,
    ]
    forward = setting(LETTERS, forward=True, goals={"eager": 5, "channels_last": 2})
    found.append(dataclasses.replace(forward, name=f"{forward.name}, forward only"))
    for isa, least, before in (("v3", {"eager": 2.2}, more), ("v2", {}, 1)):
        older = setting(LETTERS, isa=isa, variants=("eager",), goals=least, before=before)
        found.append(dataclasses.replace(older, name=f"{older.name}, LOCKSTEP_ISA={isa}"))
    return found


def settings():
    others = (one for network in NETWORKS[1:] for one in of_network(network))
    return [*of_letters(), *others]


def plain_config(text):
    """A network's config without its recipe: SGD with momentum, as PyTorch's side has it."""
    kept, here = [], False
    for line in text.splitlines():
        if line.startswith("["):
            here = re.match(r"\[(data|block|model)\b", line)
        if here:
            kept.append(line)
    grain = re.search(r"^grain\s*=\s*\d+", text, re.MULTILINE)
    train = ["[train]", grain[0]] if grain else []
    return "\n".join([*kept, *train, "[optim]", "momentum = 0.9", "lr = 0.01", ""])
