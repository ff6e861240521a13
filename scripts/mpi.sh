# shellcheck shell=bash
# Sourced: settings for mpirun on one machine, each only where it is needed. Variables that
# the user has set are left alone.

source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/find.sh"

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

# mpi_ask KEY...: prints in one line what `lockstep machine` says of this machine. Only the
# program knows quotas and cores; before it is built, every CPU that nproc counts is a core.
mpi_ask() {
    local root program answers key words=()
    root=$(dirname "$(dirname "$(realpath "${BASH_SOURCE[0]}")")")
    program=$(find_lockstep "$root") && answers=$("$program" machine --keys 2>/dev/null) ||
        answers=$(printf '%s\n' {usable,allowed}_{cpus,cores}="$(nproc)")
    for key; do
        words+=("$(sed -n "s/^$key=//p" <<<"$answers")")
    done
    echo "${words[@]}"
}

# Prints the number of physical cores that this process may use: two hardware threads count
# as one core, and the quota of a job or a container is the upper limit.
mpi_cores() {
    mpi_ask usable_cores
}
