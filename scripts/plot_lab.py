#!/usr/bin/python3
"""Draws the measurements of `lockstep lab --out FILE`: a heat map of layers and
strategies, and the speed-up over threads.

    scripts/plot_lab.py lab.h5 [--out lab.png] [--threads T]
    scripts/plot_lab.py lab.h5 --markdown [--threads T]     a Markdown table

Needs h5py and matplotlib (Debian: python3-h5py python3-matplotlib)."""

import plotting
from plotting import text

import numpy as np  # comes with h5py, which plotting checks

FORMAT = "lockstep lab 1"
SEQUENTIAL = "sequential"


class Lab:
    """The table of the file; `gain` is by (subject, pass, strategy, threads)."""

    def __init__(self, path):
        with plotting.open_file(path, FORMAT, "lockstep lab --out") as f:
            self.names = [text(n) for n in f["subjects"].attrs["names"]]
            self.block = f["subjects/block"][()] > 0
            self.passes = [text(n) for n in f["rows"].attrs["passes"]]
            self.splits = [text(n) for n in f["rows"].attrs["splits"]]
            self.cpu, self.isa = text(f.attrs["cpu"]), text(f.attrs["isa"])
            self.cpus, self.batch = int(f.attrs["cpus"]), int(f.attrs["batch"])
            self.claims = [
                [text(value) for value in row]
                for row in zip(f.attrs["claims"], f.attrs["holds"], f.attrs["here"])
            ]
            columns = ("subject", "pass", "split", "threads", "speedup", "median")
            rows = zip(*(f["rows"][name][()] for name in columns))
            self.gain, self.alone = {}, {}
            for subject, pass_, split, threads, speedup, median in rows:
                key = int(subject), int(pass_), self.splits[int(split)], int(threads)
                self.gain[key] = speedup
                if key[2] == SEQUENTIAL:
                    self.alone[key[:2]] = median
        self.threads = sorted({key[3] for key in self.gain})

    def best(self, subject, pass_, threads):
        """Speed-up and name of the best strategy with one or `threads` threads."""
        found = [
            (gain, key[2])
            for key, gain in self.gain.items()
            if key[:2] == (subject, pass_) and key[3] in (1, threads)
        ]
        return max(found, default=(float("nan"), ""))

    def columns(self, threads):
        """The strategies that were measured with `threads` threads."""
        used = {key[2] for key in self.gain if key[3] == threads}
        return [split for split in self.splits if split in used]

    def fair(self):
        """The most threads of those measured that are not more than the CPUs."""
        return max((t for t in self.threads if t <= self.cpus), default=self.threads[-1])


def heat(axis, lab, pass_, threads, norm):
    columns = lab.columns(threads)
    values = np.full((len(lab.names), len(columns)), np.nan)
    for row in range(len(lab.names)):
        for column, split in enumerate(columns):
            values[row, column] = lab.gain.get((row, pass_, split, threads), np.nan)
    image = axis.imshow(values, cmap="RdYlGn", norm=norm, aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=40, ha="left")
    axis.xaxis.tick_top()
    labels = [n + " (as run)" if b else n for n, b in zip(lab.names, lab.block)]
    axis.set_yticks(range(len(labels)), labels if pass_ == 0 else [])
    for row in range(len(labels)):
        best = lab.best(row, pass_, threads)[1]
        for column, split in enumerate(columns):
            value = values[row, column]
            known = not np.isnan(value)
            axis.text(
                column, row, f"{value:.2f}" if known else "–", ha="center", va="center",
                fontsize=8, color="black" if known else "silver",
                weight="bold" if split == best else "normal",
            )
    axis.set_xlabel(lab.passes[pass_], weight="bold")
    axis.set_facecolor("white")
    axis.tick_params(length=0)
    for side in axis.spines.values():
        side.set_visible(False)
    return image


def curves(axis, lab):
    """The best strategy of each layer, both passes together, over threads."""
    kinds = {}
    for row, name in enumerate(lab.names):
        kind = "blocks, as run" if lab.block[row] else name.rstrip("0123456789")
        kinds.setdefault(kind, []).append(row)
    for kind, rows in kinds.items():
        gains = []
        for threads in lab.threads:
            alone = team = 0.0
            for row in rows:
                for pass_ in range(len(lab.passes)):
                    if (row, pass_) in lab.alone:
                        time = lab.alone[row, pass_]
                        alone += time
                        team += time / lab.best(row, pass_, threads)[0]
            gains.append(alone / team)
        axis.plot(lab.threads, gains, marker="o", label=kind)
    most = min(lab.cpus, lab.threads[-1])
    axis.plot([1, most], [1, most], color="gray", linestyle="--", label="ideal")
    if lab.threads[-1] > lab.cpus:
        axis.axvspan(lab.cpus, lab.threads[-1], color="0.93", zorder=0)
        axis.text(
            0.98, 0.98, "more threads\nthan CPUs", ha="right", va="top", fontsize=8,
            transform=axis.transAxes,
        )
    axis.set_xticks(lab.threads)
    axis.set_xlabel("threads")
    axis.set_ylabel("speed-up over one thread")
    axis.set_title("the best strategy of each layer,\nforward and backward", fontsize=10)
    axis.legend(fontsize=8, loc="upper left")
    axis.grid(alpha=0.3)


def draw(lab, threads):
    from matplotlib import pyplot
    from matplotlib.colors import TwoSlopeNorm

    height = 2.2 + 0.32 * len(lab.names)
    figure, axes = pyplot.subplots(
        1, 3, figsize=(15, max(height, 5)), width_ratios=[1, 1, 0.8], layout="constrained"
    )
    norm = TwoSlopeNorm(vcenter=1.0, vmin=0.0, vmax=float(max(2, threads)))
    for pass_ in range(2):
        image = heat(axes[pass_], lab, pass_, threads, norm)
    figure.colorbar(
        image, ax=axes[:2], location="bottom", shrink=0.5, pad=0.02,
        label=f"speed-up of {threads} threads over one; bold: the best, – : no such "
        "strategy",
    )
    curves(axes[2], lab)
    figure.suptitle(
        f"lockstep lab: {lab.cpu}, {lab.cpus} CPUs, {lab.isa} kernels, "
        f"batches of {lab.batch} images", fontsize=12,
    )
    return figure


def markdown(lab, threads):
    """One row per layer and pass, and the claims."""
    columns = lab.columns(threads)
    print(f"| layer | pass | one thread, us | {' | '.join(columns)} | best |")
    print("|---|---|---:|" + "---:|" * len(columns) + "---|")
    for row, name in enumerate(lab.names):
        for pass_, pass_name in enumerate(lab.passes):
            if (row, pass_) not in lab.alone:
                continue
            gain, best = lab.best(row, pass_, threads)
            cells = []
            for split in columns:
                value = lab.gain.get((row, pass_, split, threads))
                cell = "-" if value is None else f"{value:.2f}"
                cells.append(f"**{cell}**" if split == best else cell)
            alone = 1e6 * lab.alone[row, pass_]
            print(
                f"| {name} | {pass_name} | {alone:.3g} | {' | '.join(cells)} | "
                f"{best} {gain:.2f} |"
            )
    print("\n| claim | holds | here |\n|---|---|---|")
    for claim in lab.claims:
        print(f"| {' | '.join(claim)} |")


def main():
    parser = plotting.parser(__doc__, "lab.png")
    parser.add_argument("--threads", type=int, help="default: the most that were measured and have a CPU each")
    options = parser.parse_args()
    lab = plotting.read(Lab, options.file)
    threads = options.threads or lab.fair()
    if threads not in lab.threads or threads < 2:
        known = ", ".join(str(t) for t in lab.threads if t > 1)
        if not known:
            plotting.stop(f"{options.file}: only one thread was measured: nothing to compare")
        plotting.stop(f"{threads} threads were not measured; there are {known}")
    if options.markdown:
        markdown(lab, threads)
    else:
        plotting.save(options.out, draw, lab, threads)


if __name__ == "__main__":
    main()
