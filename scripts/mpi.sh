# shellcheck shell=bash
# Sourced: settings for mpirun on one machine, each only where it is needed. What the user
# has set is left alone.

# Open MPI refuses root unless told twice; in a container root is the usual user.
if ((EUID == 0)); then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# Ranks on one node copy from each other's memory (process_vm_readv). Containers and
# hardened kernels forbid it, and Open MPI then fails in the middle of a message.
mpi_copy_forbidden() {
    grep -q '^Seccomp:[[:space:]]*[12]' /proc/self/status 2>/dev/null ||
        grep -qsv 0 /proc/sys/kernel/yama/ptrace_scope
}
if mpi_copy_forbidden; then
    : "${OMPI_MCA_btl_vader_single_copy_mechanism:=none}"
    export OMPI_MCA_btl_vader_single_copy_mechanism
fi

# Whether cores have more than one hardware thread: 1 or 0.
mpi_smt() {
    local smt=0
    read -r smt 2>/dev/null </sys/devices/system/cpu/smt/active
    echo "$smt"
}

# CPUs that a container's quota is worth, rounded up; as many as there are without one.
mpi_quota() {
    local quota=max period=1
    read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max
    if [[ $quota == max ]]; then
        nproc --all
    else
        echo $(((quota + period - 1) / period))
    fi
}

# Physical cores this process may use: two hardware threads of a core count once, and a
# container's quota is kept.
mpi_cores() {
    local cores quota
    cores=$(nproc) quota=$(mpi_quota)
    (($(mpi_smt) && cores > 1)) && cores=$((cores / 2))
    echo $((cores > quota ? quota : cores))
}
