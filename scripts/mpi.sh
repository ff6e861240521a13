# shellcheck shell=bash
# Sourced: settings for mpirun on one machine, each only where it is needed. Variables that
# the user has set are left alone.

# Open MPI refuses to run as root without these; in a container root is the usual user.
if ((EUID == 0)); then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# Ranks on one node copy from each other's memory (process_vm_readv). Containers and
# hardened kernels may forbid it, and Open MPI then fails in the middle of a message.
mpi_copy_forbidden() {
    grep -q '^Seccomp:[[:space:]]*[12]' /proc/self/status 2>/dev/null ||
        grep -qsv 0 /proc/sys/kernel/yama/ptrace_scope
}
if mpi_copy_forbidden; then
    : "${OMPI_MCA_btl_vader_single_copy_mechanism:=none}"
    export OMPI_MCA_btl_vader_single_copy_mechanism
fi

# Prints 1 if cores have more than one hardware thread, else 0.
mpi_smt() {
    local smt=0
    read -r smt 2>/dev/null </sys/devices/system/cpu/smt/active
    echo "$smt"
}

# Prints the number of CPUs in a container's quota, rounded up; without a quota all CPUs.
mpi_quota() {
    local quota=max period=1
    read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max
    if [[ $quota == max ]]; then
        nproc --all
    else
        echo $(((quota + period - 1) / period))
    fi
}

# Prints the number of physical cores that this process may use: two hardware threads count
# as one core, and a container's quota is the upper limit.
mpi_cores() {
    local cores quota
    cores=$(nproc) quota=$(mpi_quota)
    (($(mpi_smt) && cores > 1)) && cores=$((cores / 2))
    echo $((cores > quota ? quota : cores))
}
