#!/usr/bin/python3
"""Draws the predictions of `lockstep plan --out FILE`: images per second and efficiency
over ranks, for strong and weak scaling, with sums during the backward pass or after it.

    scripts/plot_scaling.py plan.h5 [--out scaling.png]
    scripts/plot_scaling.py plan.h5 --measured checked.csv [--only '1 Gbit/s']
    scripts/plot_scaling.py plan.h5 --markdown              a Markdown table

checked.csv is written by scripts/check_plan.sh --csv: its measured steps are drawn as points
with the curves of strong scaling; --only selects settings whose name contains the text.
Needs h5py and matplotlib (Debian: python3-h5py python3-matplotlib)."""

import csv
import math

import plotting
from plotting import text

FORMAT = "lockstep plan 1"
KINDS = ("strong", "weak")
ROWS_MOST = 64  # that `lockstep plan` writes
COLUMNS = ("ranks", "nodes", "batch", "step", "step_no_overlap", "images_per_second",
           "efficiency", "epoch")


class Plan:
    """The file's predictions: kind -> column -> list, in the order of ranks."""

    def __init__(self, path):
        with plotting.open_file(path, FORMAT, "lockstep plan --out") as f:
            self.kinds = {
                kind: {name: f[kind][name][()].tolist() for name in COLUMNS}
                for kind in KINDS
            }
            for columns in self.kinds.values():
                self.check(columns)
            self.network = text(f.attrs["network"])
            self.per_node = int(f.attrs["ranks_per_node"])
            self.threads = int(f.attrs["threads"])

    @staticmethod
    def check(columns):
        """A damaged file cannot be drawn."""
        rows = len(columns["ranks"])
        if not 1 <= rows <= ROWS_MOST or any(len(c) != rows for c in columns.values()):
            raise ValueError("damaged: columns of different lengths, or of none")
        if not all(0 < value < math.inf for c in columns.values() for value in c):
            raise ValueError("damaged: a value that is not positive")

    def rates(self, kind, overlap):
        of = self.kinds[kind]
        steps = of["step" if overlap else "step_no_overlap"]
        return [batch / step for batch, step in zip(of["batch"], steps)]

    def efficiencies(self, kind, overlap):
        """Those in the file are for overlapped sums."""
        of = self.kinds[kind]
        return [
            e * (overlapped / step) for e, overlapped, step in
            zip(of["efficiency"], of["step"], of["step" if overlap else "step_no_overlap"])
        ]

    def ideal(self, kind):
        """Images per second of one rank, by the efficiencies in the file."""
        of = self.kinds[kind]
        return of["images_per_second"][0] / of["efficiency"][0] / of["ranks"][0]

    def title(self):
        nodes = f"{self.per_node} rank{'s' * (self.per_node > 1)} a node"
        return (f"lockstep plan: {nodes} of {self.threads} "
                f"thread{'s' * (self.threads > 1)}, network {self.network}")


def read_measured(path, only):
    """Points of (setting, ranks, overlap, images per second)."""
    points = []
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if only in row["setting"]:
                rate = 1e3 * int(row["batch"]) / float(row["measured_ms"])
                points.append((row["setting"], int(row["ranks"]),
                               row["overlap"] == "on", rate))
    if not points:
        raise ValueError(f"no setting contains '{only}'")
    return points


def curves(axes, plan, column, kind):
    rate, efficiency = axes
    ranks = plan.kinds[kind]["ranks"]
    for overlap in (True, False):
        style = {
            "color": f"C{column}", "linestyle": "-" if overlap else ":",
            "label": "sums during backward" if overlap else "sums after backward",
        }
        rate.plot(ranks, plan.rates(kind, overlap), marker="o", markersize=3, **style)
        percent = [100 * e for e in plan.efficiencies(kind, overlap)]
        efficiency.plot(ranks, percent, marker="o", markersize=3, **style)
    ideal = plan.ideal(kind)
    rate.plot(ranks, [ideal * r for r in ranks], color="gray", linestyle="--",
              label="ideal")
    rate.set_yscale("log")
    batch = plan.kinds[kind]["batch"][0] // (1 if kind == "strong" else ranks[0])
    share = "for all ranks" if kind == "strong" else "for each rank"
    rate.set_title(f"{kind} scaling: a batch of {batch} {share}", fontsize=10)
    efficiency.set_ylim(0, 105)
    for axis in axes:
        axis.set_xscale("log", base=2)
        axis.set_xticks(ranks, [f"{r:,}" for r in ranks], rotation=40)
        axis.grid(alpha=0.3)
    rate.set_ylabel("images per second")
    efficiency.set_ylabel("efficiency, %")
    efficiency.set_xlabel("ranks")


def draw_measured(axis, points):
    settings = list(dict.fromkeys(name for name, _, _, _ in points))
    for i, setting in enumerate(settings):
        for overlap in (True, False):
            of = [p for p in points if p[0] == setting and p[2] == overlap]
            axis.plot(
                [p[1] for p in of], [p[3] for p in of], linestyle="none",
                marker="sD^vP*Xdph8<>"[i % 13], markersize=6, color="black",
                fillstyle="full" if overlap else "none",
                label=f"measured: {setting}" if overlap else None,
            )


def draw(plan, points):
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        2, 2, figsize=(12, 8), sharex="col", height_ratios=[1.4, 1], layout="constrained"
    )
    for column, kind in enumerate(KINDS):
        curves(axes[:, column], plan, column, kind)
    draw_measured(axes[0, 0], points)
    for axis in axes[0]:
        axis.legend(fontsize=7, loc="upper left")
    figure.suptitle(plan.title(), fontsize=12)
    return figure


def percent(value):
    return f"{100 * value:.1f}" if value < 0.1 else f"{100 * value:.0f}"


def markdown(plan):
    """One row per number of ranks: strong and weak scaling, overlapped and not."""
    print("| ranks | nodes | strong: ms/step | not overlapped | images/s | % of ideal "
          "| weak: batch | ms/step | not overlapped | images/s | % of ideal |")
    print("|---:" * 11 + "|")
    strong, weak = (plan.kinds[kind] for kind in KINDS)
    for i, ranks in enumerate(strong["ranks"]):
        cells = [f"{ranks:,}", f"{strong['nodes'][i]:,}"]
        for of in (strong, weak):
            if of is weak:
                cells.append(f"{of['batch'][i]:,}")
            cells += [f"{1e3 * of['step'][i]:.2f}", f"{1e3 * of['step_no_overlap'][i]:.2f}",
                      f"{of['images_per_second'][i]:,.0f}", percent(of["efficiency"][i])]
        print(f"| {' | '.join(cells)} |")


def main():
    parser = plotting.parser(__doc__, "scaling.png")
    parser.add_argument("--measured", metavar="CSV", help="written by scripts/check_plan.sh")
    parser.add_argument("--only", default="", metavar="TEXT", help="settings whose name contains it")
    options = parser.parse_args()
    plan = plotting.read(Plan, options.file)
    points = []
    if options.measured:
        points = plotting.read(read_measured, options.measured, options.only)
    if options.markdown:
        markdown(plan)
    else:
        plotting.save(options.out, draw, plan, points)


if __name__ == "__main__":
    main()
