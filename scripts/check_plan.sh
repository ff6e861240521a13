#!/bin/bash
# Compare the predictions of `lockstep plan` with measured training steps, in shared memory
# and over links of several speeds, with gradient sums during the backward pass and after.
#   check_plan.sh [--markdown] [--csv FILE] [--rounds N] [--only PATTERN] [--batch N]
# --only: settings whose name contains PATTERN (a shell pattern); --csv: the same figures,
# for scripts/plot_scaling.py. Hosts are network namespaces of this machine
# (tests/hosts/hosts.sh), created and removed by this script. Needs root, iproute2,
# /dev/net/tun and python3-h5py. Takes 20 minutes; nothing else should run meanwhile.
#
# In each round a setting is trained, predicted and trained again, so that other work of
# the machine affects all alike. Columns are medians over the rounds; ratios are medians of
# per-round ratios. `plan` runs twice: on the setting's own ranks, which measure their
# network, and on one rank, which is given the figures of the link.
set -u
from=$PWD
cd "$(dirname "$0")/.." || exit 1

usage() {
    echo "check_plan: $1; $(sed -n 's/^#  *\(check_plan.sh \[\)/type: \1/p' scripts/check_plan.sh)" >&2
    exit 2
}

form=text csv='' rounds=3 only='*' batch=''
while (($#)); do
    case $1 in
    --markdown) form=markdown && shift && continue ;;
    --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' scripts/check_plan.sh && exit ;;
    --csv | --rounds | --only | --batch) (($# > 1)) || usage "no value of '$1'" ;;
    *) usage "unknown option '$1'" ;;
    esac
    case $1 in
    --csv) csv=$(cd "$from" && realpath -m "$2") ;;
    --rounds) rounds=$2 ;;
    --only) only="*$2*" ;;
    --batch) batch=$2 ;;
    esac
    shift 2
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || usage "'--rounds $rounds' is no number"

source scripts/measure_hosts.sh
/usr/bin/python3 -c 'import h5py' 2>/dev/null ||
    give_up "/usr/bin/python3 has no h5py: apt-get install python3-h5py"

# Options that `train` and `plan` share.
config=configs/letters.conf
common=("$config" --data "$work/letters.h5" --threads 1)
LINK=()
[[ $batch ]] && common+=(--set "train.batch=$batch")

# trained HOSTS STEPS on|off: prints the median time of a step in the log, in ms.
trained() {
    rm -rf "$work/run"
    must mpirun_on "$1" "$LOCKSTEP" train "${common[@]}" --tune=off --run "$work/run" \
        --set train.steps="$2" --set log.every=$(($2 / 30 + 1)) \
        --set log.detail=parallel --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off \
        --set parallel.overlap="$3"
    middle -3
}

# predicted RANKS START...: prints ms per step, overlapped and not, and the batch. LINK:
# further options of plan.
predicted() {
    must "${@:2}" "$LOCKSTEP" plan "${common[@]}" --ranks "$1" "${LINK[@]}" \
        --out "$work/plan.h5"
    /usr/bin/python3 - "$work/plan.h5" "$1" <<'END'
import sys, h5py
strong = h5py.File(sys.argv[1], "r")["strong"]
row = list(strong["ranks"][()]).index(int(sys.argv[2]))
print(*(1e3 * strong[name][row] for name in ("step", "step_no_overlap")),
      strong["batch"][row])
END
}

# Predicts for a given network. If hosts share cores, computing is measured on as many ranks
# of one host.
given() { # RANKS NETWORK
    local start=(on n1) LINK=(--network "$2" --ranks-per-node 1)
    (($1 > $(nproc))) && start=(mpirun_on "n1:$1")
    predicted "$1" "${start[@]}"
}

# setting NAME HOSTS RANKS NODES STEPS [NETWORK]: appends to $work/raw, for each round and
# overlap on or off, the measured time, the prediction with the measured network, and the
# prediction for NETWORK.
setting() {
    local name=$1 hosts=$2 ranks=$3 nodes=$4 steps=$5 network=${6--}
    local i on off plan plan_on plan_off own_on=- own_off=- size
    # shellcheck disable=SC2053
    [[ $name == $only ]] || return 0
    export OMPI_MCA_mpi_yield_when_idle=$((ranks > $(nproc)))
    for ((i = 1; i <= rounds; i++)); do
        echo "check_plan: $name, round $i of $rounds" >&2
        on=$(trained "$hosts" "$steps" on) || exit
        plan=$(predicted "$ranks" mpirun_on "$hosts") || exit
        read -r plan_on plan_off size <<<"$plan"
        if [[ $network != - ]]; then
            plan=$(given "$ranks" "$network") || exit
            read -r own_on own_off size <<<"$plan"
        fi
        off=$(trained "$hosts" "$steps" off) || exit
        echo "$name;$ranks;$nodes;$size;on;$on;$plan_on;$network;$own_on"
        echo "$name;$ranks;$nodes;$size;off;$off;$plan_off;$network;$own_off"
    done >>"$work/raw"
}

# hosts RATE NETWORK LABEL STEPS [CABLE...]: the settings of two and of four hosts on links
# of this rate.
hosts() {
    hosts_up 4 "${@:5}" || exit 1
    link_rate "$1"
    setting "2 hosts, $3" n1,n2 2 2 "$4" "$2"
    setting "4 hosts, $3" n1,n2,n3,n4 4 4 "$4" "$2"
    hosts_down
}

# Prints medians over the rounds, and how many predictions are within 15 %.
table() {
    /usr/bin/python3 - "$work/raw" "$form" "$csv" <<'END'
import csv, sys
from statistics import median

HEAD = ["setting", "ranks", "nodes", "batch", "overlap", "measured_ms", "predicted_ms",
        "ratio", "network", "given_ms", "given_ratio"]
ROUGHLY = 0.15

found = {}
for line in open(sys.argv[1]):
    *key, on, measured, plan, network, given = line.strip().split(";")
    rounds = found.setdefault((*key, on, network), [])
    rounds.append([float(measured), float(plan), None if given == "-" else float(given)])

rows, ratios = [], []
for (name, ranks, nodes, batch, on, network), rounds in found.items():
    measured, plan, given = zip(*rounds)
    row = [name, ranks, nodes, batch, on, median(measured), median(plan),
           median(p / m for m, p, _ in rounds), network, None, None]
    if None not in given:
        row[9:] = [median(given), median(g / m for m, _, g in rounds)]
    rows.append(row)
    ratios += [r for r in (row[7], row[10]) if r is not None]


def text(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def cells(row):
    return [row[0], row[4], *(text(v, 2) for v in row[5:8]), row[8],
            *(text(v, 2) for v in row[9:])]


titles = ["where", "overlap", "measured, ms", "predicted", "ratio", "of a link of",
          "predicted", "ratio"]
if sys.argv[2] == "markdown":
    print("| " + " | ".join(titles) + " |\n|---|---|---:|---:|---:|---|---:|---:|")
    for row in rows:
        print("| " + " | ".join(cells(row)) + " |")
else:
    lines = [titles] + [cells(row) for row in rows]
    widths = [max(len(line[c]) for line in lines) for c in range(len(titles))]
    for line in lines:
        print("  ".join(
            cell.ljust(width) if c in (0, 1, 5) else cell.rjust(width)
            for c, (cell, width) in enumerate(zip(line, widths))).rstrip())
if sys.argv[3]:
    with open(sys.argv[3], "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(HEAD)
        out.writerows([["" if v is None else v for v in row] for row in rows])
near = sum(abs(r - 1) <= ROUGHLY for r in ratios)
print(f"\n{near} of {len(ratios)} predictions are within {100 * ROUGHLY:.0f} %")
END
}

must "$LOCKSTEP" data synth --out "$work/letters.h5" --train 16384 --test 1000
: >"$work/raw"
hosts_up 1 || exit 1
setting "1 rank" n1 1 1 300
setting "2 ranks, shared memory" n1:2 2 1 600
setting "4 ranks, shared memory" n1:4 4 1 600
hosts_down
hosts 1gbit 1Gbit,20us "1 Gbit/s" 150
hosts 100mbit 100Mbit,20us "100 Mbit/s" 45
hosts 1gbit 1Gbit,1ms "1 Gbit/s, 1 ms" 120 500 0
hosts 1gbit 1Gbit,5ms "1 Gbit/s, 5 ms" 90 2500 0
[[ -s $work/raw ]] || usage "no setting is called '$only'"
table
echo "(${common[0]}, a batch of ${batch:-128}, one thread a rank; $rounds rounds; load average" \
    "at the start $load; $(nproc) cores for all hosts)"
