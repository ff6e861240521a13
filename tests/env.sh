# shellcheck shell=bash
# Sourced by every bats file (and by scripts/run_tests.sh):
#   setup() { source "$BATS_TEST_DIRNAME/../env.sh"; }
# Sets ROOT (the source tree), LOCKSTEP (the program), LOCKSTEP_BUILD (the folder with
# tests/MODULE/test_NAME) and, if there is real data, LOCKSTEP_DATA. Defines
# `ranks N COMMAND...` and `need_data`.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$ROOT/scripts/mpi.sh"

export LOCKSTEP=${LOCKSTEP:-$ROOT/build/lockstep}
export LOCKSTEP_BUILD=${LOCKSTEP_BUILD:-$(dirname "$LOCKSTEP")}
if [[ -z ${LOCKSTEP_DATA-} && -d $ROOT/../shared/data ]]; then
    LOCKSTEP_DATA=$(cd "$ROOT/../shared/data" && pwd)
fi
export LOCKSTEP_DATA=${LOCKSTEP_DATA-}

# Tests start more ranks than there are cores: ranks are not bound and yield while they wait.
export OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_mpi_yield_when_idle=1
export OMP_WAIT_POLICY=passive
export OPENBLAS_NUM_THREADS=1
unset OMP_NUM_THREADS

# Temporary files, Open MPI's session folders among them, and cached measurements belong to
# one test (or to setup_file). The path is short because Open MPI makes sockets there.
SCRATCH=${BATS_TEST_TMPDIR:-${BATS_FILE_TMPDIR-}}
if [[ $SCRATCH ]]; then
    export TMPDIR=$SCRATCH XDG_CACHE_HOME=$SCRATCH/cache
fi

# ranks N COMMAND...: COMMAND on N ranks of this machine.
ranks() {
    mpirun -n "$1" "${@:2}" </dev/null
}

# Skips the test where the real data sets are missing.
need_data() {
    [[ -n $LOCKSTEP_DATA ]] || skip "no real data (set LOCKSTEP_DATA)"
}
