# shellcheck shell=bash
# Sourced by the bats files here, which work on a cluster of their own (cluster.sh):
#   setup_file() { source "$BATS_TEST_DIRNAME/fixture.sh"; cluster_start; ... }
#   setup() { source "$BATS_TEST_DIRNAME/fixture.sh"; cluster_needed; }
#   teardown_file() { source "$BATS_TEST_DIRNAME/fixture.sh"; cluster_stop; }
# All hosts of the cluster see the same files.

source "$BATS_TEST_DIRNAME/../runs.sh"
PATH=$PATH:/usr/sbin:/sbin
CLUSTER=$BATS_FILE_TMPDIR/cluster
export SLURM_CONF=$CLUSTER/slurm.conf
unset LAUNCHER PATIENCE LOCKSTEP_ROOT "${!SBATCH_@}"
NAMESPACES=(--fork --kill-child --pid --mount-proc --net --uts --ipc)

# cluster_lacks: prints what is missing to make a cluster.
cluster_lacks() {
    local name
    ((EUID == 0)) || echo root
    for name in munged slurmctld slurmd srun ip unshare nsenter; do
        command -v "$name" >/dev/null || echo "$name"
    done
    ((EUID)) || unshare "${NAMESPACES[@]}" true 2>/dev/null ||
        echo 'leave to make namespaces'
}

cluster_needed() {
    local lacks=$BATS_FILE_TMPDIR/lacks
    [[ -s $lacks ]] && skip "needs $(paste -sd, "$lacks"): 'make test-slurm', as root"
    HEAD=$(<"$BATS_FILE_TMPDIR/head")
}

cluster_start() {
    local i outer
    cluster_lacks >"$BATS_FILE_TMPDIR/lacks"
    [[ -s $BATS_FILE_TMPDIR/lacks ]] && return
    mkdir -p "$CLUSTER"
    setpriv --pdeathsig KILL \
        unshare "${NAMESPACES[@]}" "$ROOT/tests/slurm/cluster.sh" "$CLUSTER" \
        >"$CLUSTER/out" 2>&1 </dev/null 3>&- &
    outer=$!
    disown $outer
    echo $outer >"$BATS_FILE_TMPDIR/outer"
    for ((i = 0; i < 600; i++)); do
        [[ -e $CLUSTER/ready ]] && break
        kill -0 $outer
        sleep 0.1
    done
    pgrep -P $outer >"$BATS_FILE_TMPDIR/head"
    [[ -e $CLUSTER/ready ]] || { tail -n 50 "$CLUSTER/out" && return 1; }
}

# All processes of the cluster end with its first one.
cluster_stop() {
    local outer i
    read -r outer <"$BATS_FILE_TMPDIR/outer" || return 0
    kill -KILL "$outer" 2>/dev/null || :
    for ((i = 0; i < 600; i++)); do
        pgrep -f "$CLUSTER" >/dev/null || return 0
        sleep 0.05
    done
    echo "still there: $(pgrep -af "$CLUSTER")"
    return 1
}

# on_head COMMAND...: runs it on the cluster's head, in this folder. Jobs get its environment;
# each node has its own /dev/shm.
on_head() {
    nsenter --target "$HEAD" --all --wd="$PWD" env TMPDIR=/dev/shm "$@" </dev/null 3>&-
}

# submit WORDS...: `submit.sh WORDS`; sets JOB to the number and OUT to the output file.
submit() {
    on_head "$ROOT/scripts/submit.sh" "$@" >submitted
    cat submitted
    JOB=$(sed -nE 's/^job ([0-9]+): .*/\1/p' submitted)
    OUT=$(sed -nE 's/^  tail -F ([^ ]+) .*/\1/p' submitted)
    [[ $JOB ]]
}

# until_true WHAT COMMAND...: waits at most four minutes until COMMAND succeeds.
until_true() {
    local i
    for ((i = 0; i < 1200; i++)); do
        "${@:2}" && return
        sleep 0.2
    done
    echo "in vain: $1"
    on_head squeue
    tail -n 30 "${OUT-/dev/null}"
    return 1
}

# job_says JOB FIELD: a field of scontrol's, as JobState or Restarts.
job_says() {
    on_head scontrol show job --oneliner "$1" | grep -oE " $2=[^ ]*" | head -n 1 |
        cut -d= -f2
}

job_is() { # JOB STATE
    [[ $(job_says "$1" JobState) == "$2" ]]
}

until_job() { # JOB STATE
    until_true "job $1 is $2" job_is "$1" "$2"
}

over() { # JOB, which may be an array
    [[ -z $(on_head squeue --noheader --jobs="$1") ]]
}

# stays RUN: how often lockstep has started there; until_stay RUN N: waits until the N-th
# start trains.
stays() {
    cat "$1/log.txt" 2>/dev/null | grep -c '^lockstep [0-9]' || :
}

trains() { # RUN N
    local lines
    [[ $(stays "$1") == "$2" ]] || return 1
    lines=$(awk '/^lockstep [0-9]/ { n = 0 } /^ +[0-9]+ +[0-9]+\.[0-9]+ / { n++ }
        END { print n + 0 }' "$1/log.txt")
    ((lines > 0))
}

until_stay() { # RUN N
    until_true "stay $2 of $1" trains "$1" "$2"
}

# endless CONFIG: writes a config for a run that goes on until `end_at`, on a machine of any
# speed.
endless() {
    cat >"$1" <<'EOF'
[model]
layer = conv 8 kernel=5
layer = maxpool 3
layer = gelu
layer = flatten
layer = linear classes
layer = logsoftmax
[train]
steps = 1000000000
epochs = 1000000
batch = 8
grain = 2
[optim]
kind = sgd
lr = 0.002
[log]
every = 100
[checkpoint]
keep = 2
EOF
}

# newest RUN: prints the step of its newest checkpoint.
newest() {
    local files=("$1"/checkpoints/step-*.h5) step
    step=${files[-1]##*-}
    echo $((10#${step%.h5}))
}

# end_at STEP CONFIG: jobs that start from now on end at STEP.
end_at() {
    sed -i "s/^steps = .*/steps = $1/" "$2"
}

# undisturbed CONFIG OPTION...: the same run without SLURM, in one go, in undisturbed.out.
undisturbed() {
    rm -rf undisturbed
    "$LOCKSTEP" train "$1" --data letters.h5 --threads 1 --run undisturbed "${@:2}" \
        >undisturbed.out
}
