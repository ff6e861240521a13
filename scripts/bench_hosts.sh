#!/bin/bash
# Measure a training step over several hosts, or the sum of a gradient by every algorithm,
# and print a Markdown table: bench_hosts.sh [steps|reduce]
# Hosts are network namespaces of this machine (tests/hosts/hosts.sh) on links of several
# speeds; the table also has as many ranks on one host, in shared memory. The script creates
# and removes the hosts. Needs root, iproute2 and /dev/net/tun. Takes two minutes, with
# reduce ten.
#   BATCHES="256 1024"  HOSTS_TRIED="2 4"  STEPS=60 (a line every 5)
#   BYTES="4096,65536,1200000,16777216,67108864"  REPEATS=5
set -u
cd "$(dirname "$0")/.." || exit 1
read -ra batches <<<"${BATCHES:-256 1024}"
read -ra hosts_tried <<<"${HOSTS_TRIED:-2 4}"
steps=${STEPS:-60}
ways=(shared levels levels-halving levels-doubling slices halving doubling)
bytes=${BYTES:-4096,65536,1200000,16777216,67108864}
repeats=${REPEATS:-5}
what=${1:-steps}
if [[ $what != steps && $what != reduce ]] || (($# > 1)); then
    echo "bench_hosts: '$*': expected steps or reduce" >&2
    exit 2
fi
source scripts/measure_hosts.sh

# row LABEL BATCH HOSTS: trains on these hosts and prints a row of the table.
row() {
    rm -rf "$work/run"
    must mpirun_on "$3" "$LOCKSTEP" train configs/letters.conf --threads 1 \
        --data "$work/letters.h5" --run "$work/run" --set train.batch="$2" \
        --set train.steps="$steps" --set log.every=5 --set log.detail=parallel
    printf '| %s | %s | %s | %s | %s | %s |\n' "$2" "$1" "$(middle -3)" "$(middle 8)" \
        "$(middle -2)" "$(middle -1)"
}

# rows LABEL HOSTS
rows() {
    local batch
    for batch in "${batches[@]}"; do row "$1" "$batch" "$2"; done
}

names() { # N [RANKS]: n1:RANKS,n2:RANKS,...
    seq -s, -f "n%g:${2-1}" "$1"
}

# Waiting ranks yield only if there are more ranks than cores.
table() { # N
    local n=$1
    OMPI_MCA_mpi_yield_when_idle=$((n > $(nproc)))
    hosts_up "$n" || exit 1
    rows "$n ranks on one host, shared memory" "n1:$n"
    rows "$n hosts, as fast as the kernel" "$(names "$n")"
    link_rate 1gbit
    rows "$n hosts, 1 Gbit/s" "$(names "$n")"
    link_rate 100mbit
    rows "$n hosts, 100 Mbit/s" "$(names "$n")"
    hosts_down
    hosts_up "$n" 2500 0 || exit 1
    link_rate 1gbit
    rows "$n hosts, 1 Gbit/s, 5 ms each way" "$(names "$n")"
    hosts_down
}

# sums LABEL HOSTS: prints a row for each length of the vectors; the automatic choice is in
# bold.
sums() {
    local ranks
    ranks=$(tr , '\n' <<<"$2" | sed 's/.*://' | awk '{ n += $1 } END { print n }')
    OMPI_MCA_mpi_yield_when_idle=$((ranks > $(nproc)))
    must mpirun_on "$2" "$LOCKSTEP" bench reduce --bytes "$bytes" --repeats "$repeats"
    awk -v where="$1" -v names="${ways[*]}" '
        BEGIN { ways = split(names, way, " ") }
        function commas(n) {
            return n < 1000 ? n : commas(int(n / 1000)) sprintf(",%03d", n % 1000)
        }
        function cell(name) { return name in us ? us[name] : "-" }
        $2 !~ /^[0-9]+$/ { next }
        { us[$3] = $4 < 10 ? sprintf("%.1f", $4) : commas(int($4 + 0.5)) }
        $8 == "chosen" { us[$3] = "**" us[$3] "**"; ratio = $7 }
        $3 == "MPI_Allreduce" {
            printf "| %s | %s |", where, commas($2)
            for (i = 1; i <= ways; i++)
                printf " %s |", cell(way[i])
            printf " %s | %s |\n", us[$3], ratio
            split("", us)
        }' "$work/out"
}

steps_table() {
    echo "| batch | where | ms/step | images/s | comm % | hidden % |"
    echo "|---:|---|---:|---:|---:|---:|"
    for n in "${hosts_tried[@]}"; do table "$n"; done
    echo
    echo "letters.conf, one rank of one thread a host, medians of $((steps / 5 - 2)) lines" \
        "of 5 steps."
}

reduce_table() {
    printf '| where | bytes |'
    printf ' %s |' "${ways[@]}" MPI_Allreduce 'chosen / MPI'
    printf '\n|---|%s\n' "$(printf -- '---:|%.0s' _ "${ways[@]}" _ _)"
    hosts_up 8 || exit 1
    on n1 mount -o remount,size=3g /dev/shm # 8 vectors and their sum, twice
    for n in 2 4 8; do sums "$n ranks, shared memory" "n1:$n"; done
    link_rate 1gbit
    for n in 2 4 8; do sums "$n hosts, 1 Gbit/s" "$(names "$n")"; done
    sums "2 hosts of 2 ranks, 1 Gbit/s" "$(names 2 2)"
    sums "4 hosts of 2 ranks, 1 Gbit/s" "$(names 4 2)"
    sums "3 hosts, 1 Gbit/s" "$(names 3)"
    hosts_down
    hosts_up 4 500 0 || exit 1
    link_rate 1gbit
    for n in 2 4; do sums "$n hosts, 1 Gbit/s, 1 ms each way" "$(names "$n")"; done
    hosts_down
    echo
    echo "Medians of $repeats rounds; the last column is the median of per-round ratios."
}

must "$LOCKSTEP" data synth --out "$work/letters.h5"
"${what}_table"
echo "The $(nproc) cores of this machine ($(lscpu | sed -n 's/^Model name: *//p' |
    head -n 1)) serve all hosts and the network between them. Load average at the start:" \
    "$load."
