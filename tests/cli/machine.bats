#!/usr/bin/env bats
# lockstep machine: CPUs, quota, memory and limits, as the shell and the kernel know them;
# what launch.sh and a run make of them.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    GROUP=''
}

teardown() {
    [[ ! $GROUP ]] || rmdir "$GROUP"
}

# key NAME: what `lockstep machine --keys` says.
key() {
    "$LOCKSTEP" machine --keys | sed -n "s/^$1=//p"
}

@test "machine agrees with the shell about CPUs, memory and /dev/shm" {
    [ "$(key cpus)" -eq "$(getconf _NPROCESSORS_ONLN)" ]
    [ "$(key allowed_cpus)" -eq "$(nproc)" ]
    [ "$(key usable_cpus)" -le "$(nproc)" ]
    [ "$(key usable_cores)" -ge 1 ]
    [ "$(key usable_cores)" -le "$(key usable_cpus)" ]
    [ "$(key allowed_list)" = "$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)" ]
    [ "$(key memory_bytes)" -eq $(($(getconf _PHYS_PAGES) * $(getconf PAGESIZE))) ]
    [ "$(key limit_bytes)" -le "$(key memory_bytes)" ]
    [ "$(key shm_bytes)" -eq "$(df -B1 --output=size /dev/shm | tail -n 1)" ]
    [ "$(key host)" = "$(hostname)" ]
    [[ $(key blas) == OpenBLAS* && $(key mpi) == Open\ MPI* ]]
}

@test "machine knows the CPUs that it is bound to" {
    first=$(key allowed_list | sed 's/[,-].*//')
    run taskset -c "$first" "$LOCKSTEP" machine --keys
    grep -qx "allowed_list=$first" <<<"$output"
    grep -qx 'allowed_cpus=1' <<<"$output"
    grep -qx 'usable_cpus=1' <<<"$output"
}

@test "each key is there once, in the form key=value, and the text has the same facts" {
    "$LOCKSTEP" machine --keys >keys
    "$LOCKSTEP" machine >text
    cat keys text
    run grep -vE '^[a-z0-9_]+=' keys
    [ -z "$output" ]
    [ -z "$(cut -d= -f1 keys | sort | uniq -d)" ]
    for name in host cpu allowed_list quota_from limit_from blas mpi interfaces lockstep; do
        value=$(sed -n "s/^$name=//p" keys)
        grep -Fq -- "$value" text
    done
}

@test "machine names the limit of memory that counts" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "sanitizers take address space themselves"
    (
        export OMP_NUM_THREADS=1
        ulimit -v 1500000
        [ "$(key limit_from)" = "ulimit -v" ]
        (($(key limit_bytes) < 1500000 * 1024))
        "$LOCKSTEP" machine | grep -qE '^limit  *[0-9.]+ [kMG]B for this process \(ulimit -v\), '
    )
}

@test "machine refuses what it does not know, and is for one process" {
    refused 2 "unknown option '--key'; did you mean '--keys'?" "$LOCKSTEP" machine --key
    refused 2 "'x' is one operand too many*" "$LOCKSTEP" machine x
    run --separate-stderr mpirun -n 2 "$LOCKSTEP" machine </dev/null
    [ "$status" -eq 2 ]
    [ "$(grep -c "^lockstep: 'machine' is a command for one process" <<<"$stderr")" -eq 1 ]
}

# quota MICROSECONDS: makes GROUP, a control group with this quota in each 100 ms, below this
# process's own; both versions.
quota() {
    local root=/sys/fs/cgroup/cpu own
    own=$(sed -nE 's/^[0-9]+:([a-z,]*,)?cpu(,[a-z,]*)?://p' /proc/self/cgroup)
    [[ $own ]] || root=/sys/fs/cgroup own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    mkdir "$root${own%/}/lockstep-$$" 2>/dev/null || return
    GROUP=$root${own%/}/lockstep-$$
    { echo "$1 100000" >"$GROUP/cpu.max" || echo "$1" >"$GROUP/cpu.cfs_quota_us"; } 2>/dev/null
}

# in_group COMMAND...
in_group() {
    (echo "$BASHPID" >"$GROUP/cgroup.procs" && exec "$@")
}

@test "the quota of a control group bounds threads, ranks, and what launch.sh starts" {
    (($(nproc) > 1)) || skip "needs two CPUs"
    quota 150000 || skip "cannot make a control group with a quota"
    letters letters.h5 60 26
    run in_group "$LOCKSTEP" machine --keys
    echo "$output"
    grep -qx 'quota_cpus=1.5' <<<"$output"
    grep -q "^quota_from=$GROUP/cpu\." <<<"$output"
    grep -qx 'usable_cpus=2' <<<"$output"
    in_group "$LOCKSTEP" machine | grep -q "^quota  *the time of 1.5 CPUs ($GROUP/cpu\."

    trains() { # OPTION...
        in_group "$LOCKSTEP" train "$TINY" --data letters.h5 --run none --check "$@" 2>&1
    }
    trains | grep -qE '^parallel  *1 rank x 2 threads on '
    # half a CPU: one thread, and more are named
    { echo 50000 100000 >"$GROUP/cpu.max" || echo 50000 >"$GROUP/cpu.cfs_quota_us"; } 2>/dev/null
    trains | grep -qE '^parallel  *1 rank x 1 thread on .*, quota of 0.5 CPUs$'
    trains --threads 2 | grep -q "^note: 2 threads of 1 rank(s) on the 0.5 CPUs that $GROUP/cpu\..* grants on .*: slower than fewer; use --threads 1 or 'mpirun -n 1'"
    unset OMPI_MCA_mpi_yield_when_idle
    run in_group "$ROOT/scripts/launch.sh" sh -c 'echo "here $OMPI_COMM_WORLD_SIZE"'
    [ "$output" = "here 1" ]
    run in_group "$ROOT/scripts/launch.sh" -n 2 sh -c 'echo "yield $OMPI_MCA_mpi_yield_when_idle"'
    [ "$output" = $'yield 1\nyield 1' ]
}
