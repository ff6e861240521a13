#!/bin/bash
# Train the reference network on the built-in letters, one rank per core, and evaluate it:
# what `make run` does once the program is built. RANKS=N and EPOCHS=N change the defaults.
set -eu
cd "$(dirname "$0")/.."
source scripts/mpi.sh

lockstep=${LOCKSTEP:-build/lockstep}
ranks=${RANKS:-$(mpi_cores)}
data=data/letters.h5

run=runs/letters
for ((i = 2; ; i++)); do
    [[ -e $run ]] || break
    run=runs/letters-$i
done

say() {
    printf '\n\033[1m%s\033[0m\n' "\$ $*" | if [[ -t 1 ]]; then cat; else sed 's/\x1b\[[01]m//g'; fi
    "$@"
}

mkdir -p data runs
[[ -f $data ]] || say "$lockstep" data synth --out "$data"
say mpirun -n "$ranks" "$lockstep" train configs/letters.conf --data "$data" --run "$run" \
    ${EPOCHS:+--set "train.epochs=$EPOCHS"}
say "$lockstep" eval "$run/checkpoints/best.h5" --data "$data"

cat <<END

The data set is $data, the run $run: log.txt, metrics.h5 and, in
checkpoints/, the weights (HDF5: h5dump and h5py read all of it). What to type next:

  $lockstep show $run
  $lockstep data sheet $data --out letters.png     a look at the images
  $lockstep predict $run/checkpoints/best.h5 IMAGE.png
  mpirun -n $ranks $lockstep train configs/letters.conf --data $data \\
      --run runs/mine --set train.epochs=20 --set train.batch=512
  $lockstep train --help
END
