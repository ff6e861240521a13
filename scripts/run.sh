#!/bin/bash
# Train the reference network on the built-in letters, one rank per core, and evaluate it
# (`make run`). RANKS=N and EPOCHS=N in the environment change the defaults.
set -eu
cd "$(dirname "$0")/.."
source scripts/mpi.sh

lockstep=${LOCKSTEP:-build/lockstep}
ranks=${RANKS:-$(mpi_cores)}
epochs=${EPOCHS:-15}
data=data/letters.h5

run=runs/letters
for ((i = 2; ; i++)); do
    [[ -e $run ]] || break
    run=runs/letters-$i
done

say() {
    local bold='' plain=''
    [[ -t 1 ]] && bold=$'\e[1m' plain=$'\e[0m'
    printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
    "$@"
}

mkdir -p data runs
[[ -f $data ]] || say "$lockstep" data synth --out "$data"
say mpirun -n "$ranks" "$lockstep" train configs/letters.conf \
    --data "$data" --run "$run" --set "train.epochs=$epochs"
say "$lockstep" eval "$run/checkpoints/best.h5" --data "$data"

cat <<END

The data set is $data. The run is $run: log.txt, metrics.h5 and
checkpoints/ with the weights (HDF5: h5dump and h5py read all of it). Next commands:

  $lockstep show $run
  $lockstep data sheet $data --out letters.png     a look at the images
  $lockstep predict $run/checkpoints/best.h5 IMAGE.png
  mpirun -n $ranks $lockstep train configs/letters.conf --data $data --run runs/longer
  $lockstep train --help
END
