#!/bin/bash
# Submit a run to SLURM: submit.sh CONFIG [OPTION...] [-- OPTIONS OF lockstep train]
#
#   --nodes N            number of nodes, default 1
#   --ranks-per-node R   default 1; without this and --threads: whole nodes, one rank per
#                        CPU
#   --threads T          threads per rank, default 1
#   --time TIME          time limit of the job, M, H:MM:SS or D-HH:MM:SS; a run that is not
#                        finished by then is put back into the queue and goes on later
#   --sweep KEY=V1,V2    one run for each value, as a job array; several are combined
#   --random N[:SEED]    only N runs, of settings drawn at random, also from ranges
#                        (--sweep KEY=LOW..HIGH; scripts/sweep.sh --help)
#   --launcher srun      use srun --mpi=pmix instead of mpirun
#   --partition, --account, --qos, --constraint, --reservation, --mem, --dependency,
#   --begin, --mail-user, --mail-type, --job-name, --exclude, --nodelist VALUE: as for
#                        sbatch
#
# Checks the config first. Prints the job's number and the commands that watch, signal and
# cancel it. The same command again resumes a run that was cancelled.
set -u
root=$(dirname "$(dirname "$(realpath "$0")")")
source "$root/scripts/points.sh"

die() {
    printf 'submit.sh: %s\n' "$*" >&2
    exit 2
}

usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

number() { # OPTION VALUE
    [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || die "'$1 $2': a whole number from 1 is expected"
}

config='' nodes=1 ranks='' threads='' specs=() wanted=() train=() name=''
take_option() { # OPTION VALUE
    case $1 in
    --nodes) number "$@" && nodes=$2 ;;
    --ranks-per-node) number "$@" && ranks=$2 ;;
    --threads) number "$@" && threads=$2 ;;
    --time)
        [[ $2 =~ ^([0-9]+-)?[0-9]+(:[0-9]{1,2}){0,2}$ ]] ||
            die "'--time $2': minutes, H:MM:SS or D-HH:MM:SS are expected"
        wanted+=(--time="$2")
        ;;
    --random) sweep_option "$2" || die "'--random $2': N or N:SEED is expected" ;;
    --sweep)
        sweep_grid "$2" >/dev/null ||
            die "'--sweep $2': KEY=VALUE,VALUE,... is expected, as train.seed=1,2,3"
        specs+=("$2")
        ;;
    --launcher)
        [[ $2 == mpirun || $2 == srun ]] || die "'--launcher $2': mpirun or srun"
        export LAUNCHER=$2
        ;;
    --job-name) name=$2 ;;
    --partition | --account | --qos | --constraint | --reservation | --mem | --dependency | \
        --begin | --mail-user | --mail-type | --exclude | --nodelist)
        wanted+=("$1=$2")
        ;;
    *) die "unknown option '$1'; see 'submit.sh --help'; lockstep's come after '--'" ;;
    esac
}

read_words() {
    while (($#)); do
        case $1 in
        --help | -h) usage && exit ;;
        --) shift && train=("$@") && break ;;
        --*=*) take_option "${1%%=*}" "${1#*=}" ;;
        --*)
            (($# > 1)) || die "'$1' needs a value; see 'submit.sh --help'"
            take_option "$1" "$2"
            shift
            ;;
        *)
            [[ -z $config && $1 != -* ]] ||
                die "'$1' is one word too many; lockstep's options come after '--'"
            config=$1
            ;;
        esac
        shift
    done
    [[ $config ]] || die "which config? see 'submit.sh --help'"
}

# check OPTION...: exits unless a job can train with these; sets `run` to its folder. The
# limits of this login node (ulimit, its memory and CPUs) do not matter: the job checks those
# of its own nodes. With one thread OpenBLAS takes least memory to load.
check() {
    local said status
    said=$(OMP_NUM_THREADS=1 "$lockstep" train "$config" --resume "${train[@]}" "$@" \
        --check --elsewhere 2>&1)
    status=$?
    if ((status)); then
        grep '^lockstep: ' <<<"$said" >&2 || printf '%s\n' "$said" >&2
        exit 2
    fi
    run=$(sed -n 's/^run  *//p' <<<"$said")
}

check_all() {
    local i setting options folder seen=$'\n'
    points=0
    [[ ${#specs[@]} -gt 0 || $sweep_random ]] || { check && return; }
    points=$(sweep_count "${specs[@]}") || die "$points"
    for ((i = 1; i <= points; i++)); do
        sweep_point $i "${specs[@]}"
        options=()
        for setting in "${point[@]}"; do
            options+=(--set "$setting")
        done
        check "${options[@]}"
        folder=$(sweep_folder "${point[@]}")
        [[ $seen != *$'\n'$folder$'\n'* ]] || die "the sweep has '$folder' twice"
        seen+=$folder$'\n'
    done
}

lay_out() {
    wanted+=(--nodes="$nodes")
    if [[ $ranks$threads ]]; then
        wanted+=(--ntasks-per-node="${ranks:-1}" --cpus-per-task="${threads:-1}")
        layout="$nodes x ${ranks:-1} ranks x ${threads:-1} threads"
    else
        wanted+=(--exclusive)
        layout="$nodes whole nodes"
    fi
    ((nodes == 1)) && layout=${layout/nodes/node}
    name=${name:-$(basename "${config%.*}")}
    wanted+=(--job-name="$name")
}

# Sets `job`. If sbatch refuses, the last line of its output says why.
submit() {
    local words=() spec said
    for spec in "${specs[@]}"; do
        words+=(--sweep "$spec")
    done
    [[ $sweep_random ]] && words+=(--random "$sweep_random")
    local script=$root/slurm/train.sbatch
    ((points)) && script=$root/slurm/sweep.sbatch && wanted+=(--array="1-$points")
    export LOCKSTEP_ROOT=$root LOCKSTEP=$lockstep
    said=$(sbatch --parsable --export=ALL "${wanted[@]}" "$script" "${words[@]}" "$config" \
        "${train[@]}" 2>&1) || {
        said=${said##*$'\n'}
        die "sbatch refuses: ${said#sbatch: error: }"
    }
    job=${said##*$'\n'}
    job=${job%%;*}
}

tell() {
    local out=$name-$job.out
    if ((points)); then
        printf 'job %s: %s runs, %s each, in %s\n' "$job" "$points" "$layout" "$run/"
        out=$name-${job}_1.out
    else
        printf 'job %s: %s, run %s\n' "$job" "$layout" "$run"
    fi
    printf '  %-45s %s\n' "tail -F $(printf %q "$out")" 'follow the output' \
        "squeue --jobs=$job" 'state in the queue' \
        "scancel --batch --signal=USR1 $job" 'checkpoint, then back into the queue' \
        "scancel $job" 'checkpoint, then end; the same command resumes'
}

read_words "$@"
lockstep=$(find_lockstep "$root") || die "no build/lockstep in '$root'; type 'make'"
check_all
command -v sbatch >/dev/null || die "no sbatch here: this is not a SLURM cluster"
sinfo --noheader >/dev/null 2>&1 || die "SLURM does not answer; see 'scontrol ping'"
lay_out
submit
tell
