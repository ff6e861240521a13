# shellcheck shell=bash
# Sourced at the head of the bats files of this folder that train over several hosts. The
# file says first what it needs:
#   ROOM=(4)            the arguments of hosts_up: hosts, and maybe delay and loss
#   IMAGES=500          of the data set, if not 1,500
#   OPTIONS=(...)       of every run, also of the run `reference` on one host
#   RATE=100mbit        of the links at the begin of each test, if not full
# A file with more to set up defines setup_file or setup again, and calls these.

hosts_setup_file() {
    source "$BATS_TEST_DIRNAME/runs.sh"
    hosts_and_reference "${ROOM[@]}"
}

hosts_setup() {
    source "$BATS_TEST_DIRNAME/runs.sh"
    need_hosts
    [[ ! ${RATE-} ]] || link_rate "$RATE"
}

setup_file() {
    hosts_setup_file
}

setup() {
    hosts_setup
}

teardown_file() {
    hosts_down
}

# For runs that meet faults: links of 100 Mbit/s limit them to some 10 steps a second on any
# machine, so that the fault comes in time. SILENT is the text about a late rank.
SLOW_RATE=100mbit
SLOW_OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.steps=120
    --set log.every=2 --set checkpoint.every_steps=5 --set checkpoint.keep=2 --resume)
SILENT='has been silent for [0-9]+ s, last heard of at (step [0-9]+, |start)'
