#!/bin/bash
# Start a program on as many ranks as the machine or the SLURM job has room for:
#   launch.sh [OPTIONS] PROGRAM [ARGUMENT...]
# OPTIONS are mpirun's, such as -n RANKS; with LAUNCHER=srun they are srun's.
#
# In a SLURM job, the allocation sets the ranks and the CPUs per rank. Elsewhere there is
# one rank per core, or as many as a container's quota keeps busy, unless -n or hosts are
# given. Ranks are pinned if they have the CPUs to themselves. If there are too few CPUs, no
# rank is pinned and waiting ranks yield.
#
# The signals that stop lockstep (src/base/stop.c) all reach the ranks as USR1, on which
# lockstep writes a checkpoint and exits with 75. A second INT ends the run without a
# checkpoint. The exit status is the program's.
# When sourced, it provides `launch OPTIONS PROGRAM ARGUMENTS`, and its traps stay set.
set -u
stopping=''
stop_signals=(INT TERM USR1 USR2 XCPU HUP QUIT ALRM VTALRM PWR STKFLT IO PROF {34..64})
trap 'stopping=yes' "${stop_signals[@]}"
launch_home=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
source "$launch_home/mpi.sh"
source "$launch_home/network.sh"
launcher=${LAUNCHER:-mpirun}

die() {
    printf 'launch.sh: %s\n' "$1" >&2
    exit 2
}

# --- options ---

# The number of values that an option of mpirun or srun takes.
values_of() {
    case ${1/#--/-} in
    -mca | -gmca) echo 2 ;;
    -n | -np | -c | -N | -H | -host | -hostfile | -machinefile | -default-hostfile | \
        -map-by | -bind-to | -rank-by | -npernode | -rf | -rankfile | -am | -tune | -x | \
        -wd | -wdir | -timeout | -path | -prefix | -output-filename | -w | -p | -D)
        echo 1
        ;;
    *) echo 0 ;;
    esac
}

ranks='' hosts='' placed='' threads=''
cpus='' usable='' cores='' allowed_cores=''
read_words() {
    local count
    while [[ ${1-} == -* ]]; do
        case ${1/#--/-} in
        -help)
            sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        -n | -np | -c) ranks=${2-} ;;
        -H | -host | -hostfile | -machinefile | -default-hostfile) hosts=yes ;;
        -map-by* | -bind-to* | -npernode | -N | -rf | -rankfile) placed=yes ;;
        esac
        count=$(values_of "$1")
        (($# > count)) || die "'$1' needs a value"
        shift $((1 + count))
    done
    (($#)) || die 'no program given; usage: launch.sh [OPTIONS] PROGRAM [ARGUMENT...]'
    for (( ; $#; )); do
        case $1 in
        --threads) threads=${2-} ;;
        --threads=*) threads=${1#*=} ;;
        esac
        shift
    done
    [[ $ranks =~ ^([1-9][0-9]{0,5})?$ ]] ||
        die "'-n $ranks': a number of ranks is expected"
    [[ $threads =~ ^[1-9][0-9]{0,5}$ ]] || threads=''
}

# --- layout ---

# The sum of SLURM's tasks per node: "2(x3),1" is 7.
sum_tasks() {
    local part sum=0
    for part in ${1//,/ }; do
        [[ $part =~ ^([0-9]+)(\(x([0-9]+)\))?$ ]] || continue
        ((sum += BASH_REMATCH[1] * ${BASH_REMATCH[3]:-1}))
    done
    echo "$sum"
}

# Sets, for this node (the others are like it): the CPUs that we may run on (cpus), how many
# of them a quota keeps busy (usable) and their cores (cores).
look_around() {
    read -r cpus usable cores allowed_cores < <(
        mpi_ask allowed_cpus usable_cpus usable_cores allowed_cores
    )
}

# Sets the CPUs granted to us on this node (ours), the ranks (here) and the CPUs of a rank
# (each).
count_cpus() {
    if [[ ${SLURM_TASKS_PER_NODE-} ]]; then
        here=${SLURM_TASKS_PER_NODE%%[^0-9]*}
        ours=${SLURM_CPUS_ON_NODE:-0}
        each=${SLURM_CPUS_PER_TASK:-$((ours / here))}
    else
        here=${ranks:-$cores}
        ours=$cpus
        each=$((usable / here))
    fi
    ((ranks && ranks < here)) && here=$ranks
    ((each)) || each=1
}

# Pins ranks only if the job has the whole node: SLURM may count CPUs that do not exist,
# and if it does not confine jobs, others may run on the CPUs that we would choose.
# Outside of SLURM only a run that uses all CPUs is pinned.
lay_out() {
    local ours here each
    count_cpus
    local busy=$((here * (threads > each ? threads : each)))
    export OMPI_MCA_rmaps_base_oversubscribe=${OMPI_MCA_rmaps_base_oversubscribe-1}
    if ((busy > usable)); then
        export OMPI_MCA_mpi_yield_when_idle=${OMPI_MCA_mpi_yield_when_idle-1}
        export OMP_WAIT_POLICY=${OMP_WAIT_POLICY-passive}
    fi
    [[ $placed || -n ${OMPI_MCA_hwloc_base_binding_policy-} ]] && return
    export OMPI_MCA_hwloc_base_binding_policy=none
    ((ours == cpus && busy <= cpus && usable == cpus)) || return
    [[ ${SLURM_TASKS_PER_NODE-} ]] || ((busy == cpus)) || return
    export OMPI_MCA_hwloc_base_binding_policy=core
    export OMPI_MCA_rmaps_base_mapping_policy=slot:PE=$each
    if ((allowed_cores < cpus)); then # what is counted above are hardware threads
        export OMPI_MCA_hwloc_base_use_hwthreads_as_cpus=1
        export OMPI_MCA_hwloc_base_binding_policy=hwthread
    fi
}

# Notice a broken link or a dead node within seconds instead of eight minutes.
keep_alive() {
    export OMPI_MCA_oob_tcp_keepalive_time=${OMPI_MCA_oob_tcp_keepalive_time-5}
    export OMPI_MCA_oob_tcp_keepalive_intvl=${OMPI_MCA_oob_tcp_keepalive_intvl-1}
    export OMPI_MCA_oob_tcp_keepalive_probes=${OMPI_MCA_oob_tcp_keepalive_probes-3}
}

# --- start ---

# In a SLURM job mpirun starts its daemons by srun: they need the whole allocation and our
# environment. Elsewhere remote ranks get the environment of a login, so the variables that
# choose the kernels are passed on: they must be equal on all ranks.
prepare_mpirun() {
    local name
    command -v mpirun >/dev/null || die "no mpirun here; type 'scripts/setup.sh run'"
    unset SRUN_CPUS_PER_TASK
    start=(mpirun)
    for name in LOCKSTEP_ISA OPENBLAS_CORETYPE; do
        [[ -v $name ]] && start+=(-x "$name")
    done
    [[ $ranks || $hosts || $placed || ${SLURM_TASKS_PER_NODE-} ]] ||
        start+=(-n "$cores")
}

# Since SLURM 22.05 srun does not inherit the CPUs per task of the job.
prepare_srun() {
    local known
    [[ ${SLURM_JOB_ID-} ]] ||
        die "LAUNCHER=srun needs a SLURM job; type 'sbatch' or 'salloc'"
    known=$(srun --mpi=list 2>&1)
    [[ $known == *pmix* ]] || die "srun knows no pmix here; use mpirun: unset LAUNCHER"
    [[ ${SLURM_CPUS_PER_TASK-} ]] && export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
    start=(srun --mpi=pmix)
    [[ $ranks || ${SLURM_NTASKS-} ]] ||
        start+=("--ntasks=$(sum_tasks "${SLURM_TASKS_PER_NODE-1}")")
}

prepare() {
    [[ $hosts ]] || ((${SLURM_JOB_NUM_NODES:-1} > 1)) && network_choose "$@"
    export SLURM_EXPORT_ENV=ALL
    [[ $hosts ]] || look_around
    case $launcher in
    mpirun) prepare_mpirun ;;
    srun) prepare_srun ;;
    *) die "LAUNCHER='$launcher': mpirun or srun" ;;
    esac
    [[ $hosts ]] || lay_out
    keep_alive
}

# --- signals ---

# Is USR1 caught or blocked (srun) by the launcher yet? Before that it would kill it.
takes_usr1() {
    local mask
    while read -r mask; do
        ((0x$mask >> ($(kill -l USR1) - 1) & 1)) && return 0
    done < <(sed -n 's/^Sig\(Cgt\|Blk\):[[:space:]]*//p' "/proc/$child/status" 2>/dev/null)
    return 1
}

# Signals repeatedly, because the launcher may not have started its ranks yet.
push() {
    while kill -0 "$child"; do
        takes_usr1 && kill -USR1 "$child"
        sleep 1
    done
}

stop() {
    stopping=yes
    [[ -z $child || $pusher ]] && return
    push >/dev/null 2>&1 &
    pusher=$!
}

interrupt() {
    stop
    ((++interrupts > 1)) && kill -TERM "$pusher" "$child" 2>/dev/null
}

# The launcher gets a session of its own, because a terminal sends INT to its whole
# foreground group. If this script is killed, the launcher gets TERM and ends the ranks:
# otherwise they would go on and hold the run's lock. TERM, because USR1 would be lost
# while the launcher has no ranks yet.
start_launcher() {
    local apart=(setsid)
    setpriv --pdeathsig TERM true 2>/dev/null && apart+=(setpriv --pdeathsig TERM)
    "${apart[@]}" "${start[@]}" "$@" </dev/null &
    child=$!
    [[ $stopping ]] && stop
}

# Sets `status`. `wait` also returns at every signal.
await_launcher() {
    while kill -0 "$child" 2>/dev/null; do
        wait "$child"
    done
    wait "$child"
    status=$?
    [[ $pusher ]] && kill "$pusher" 2>/dev/null
}

child='' pusher='' interrupts=0 status=0
launch() {
    trap stop "${stop_signals[@]}"
    trap interrupt INT
    read_words "$@"
    prepare "$@"
    start_launcher "$@"
    await_launcher
    child=''
    ((interrupts > 1)) && return 130
    # The signal killed the ranks while they were being loaded, before their handler was
    # set: nothing is lost.
    [[ $stopping ]] && ((status == 128 + $(kill -l USR1))) && return 75
    return "$status"
}

[[ ${BASH_SOURCE[0]} == "$0" ]] || return 0
launch "$@"
