#!/usr/bin/env python3
"""Check a trace of lockstep: trace.py FILE RANKS [SHARE]

The spans of a thread are nested or disjoint; each rank has steps, and named spans cover a
SHARE (0.95) of most of them; asynchronous spans begin before they end. Prints a summary.
"""

import collections
import json
import statistics
import sys

ROUNDING = 0.0021  # microseconds: times have three decimals


def end(span):
    return span["ts"] + span["dur"]


def check_nesting(spans):
    """Spans of one thread, in order; the depth of each is added to it."""
    around = []
    for span in spans:
        while around and end(around[-1]) <= span["ts"] + ROUNDING:
            around.pop()
        assert not around or end(span) <= end(around[-1]) + ROUNDING, (around[-1], span)
        span["depth"] = len(around)
        around.append(span)


def covered(spans):
    """Share of a step's time that is inside a span one level below: the median of all steps,
    because the system may take a CPU away between two spans."""
    shares = []
    step = None
    for span in spans:
        if span["cat"] == "step":
            step = span
            shares.append(0.0)
        elif step and span["ts"] < end(step) and span["depth"] == step["depth"] + 1:
            shares[-1] += span["dur"] / step["dur"]
    return statistics.median(shares)


def main():
    path, ranks = sys.argv[1], int(sys.argv[2])
    least = float(sys.argv[3]) if len(sys.argv) > 3 else 0.95
    with open(path, encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    lanes = collections.defaultdict(list)
    concurrent = {}
    for event in events:
        if event["ph"] == "X":
            lanes[event["pid"], event["tid"]].append(event)
        elif event["ph"] == "b":
            concurrent[event["pid"], event["id"]] = event
        elif event["ph"] == "e":
            assert concurrent.pop((event["pid"], event["id"]))["ts"] <= event["ts"]
    assert not concurrent, "something never ends"
    for spans in lanes.values():
        spans.sort(key=lambda span: (span["ts"], -span["dur"]))
        check_nesting(spans)
    with_steps = {pid for (pid, _), spans in lanes.items()
                  if any(span["cat"] == "step" for span in spans)}
    assert with_steps == set(range(ranks)), with_steps
    for (pid, tid), spans in sorted(lanes.items()):
        if any(span["cat"] == "step" for span in spans):
            share = covered(spans)
            print(f"rank {pid} thread {tid}: {len(spans)} spans, {share:.4f} of steps named")
            assert share >= least, share
    names = {event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert len(names) == ranks, names
    print("categories:", *sorted({span["cat"] for spans in lanes.values() for span in spans}))


main()
