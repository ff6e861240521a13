#!/usr/bin/env bats
# Several hosts with TCP between them give the same bits as one host, also after a stop and a
# resume on other hosts.

# As in tests/mpi/bits.bats, no number of ranks divides the batch of 71 samples in 7 grains.
ROOM=(4)
OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.steps=60 --set log.every=5
    --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off --resume)
source "$BATS_TEST_DIRNAME/fixture.sh"

# same HOSTS RUN OPTION...: training there gives the results of one host.
same() {
    train_on "$@"
    as_one_host "$2"
}

# reaches FROM TO SECONDS: host FROM can connect to host TO within that time.
reaches() {
    on "$1" timeout "$3" bash -c "until exec 2>/dev/null 3<>/dev/tcp/$2/7000; do sleep 0.1; done"
}

@test "hosts have their own name, memory and processes, and reach each other by the network" {
    [ "$(on n3 hostname)" = n3 ]
    on n1 touch /dev/shm/mine
    on n1 test -e /dev/shm/mine
    run ! on n2 test -e /dev/shm/mine
    [ ! -e /dev/shm/mine ]
    all_gone
    on n2 /usr/bin/python3 -c '
import socket
server = socket.create_server(("", 7000), backlog=50)
while True: server.accept()' 3>&- &
    reaches n1 n2 60
    link n2 down
    run ! reaches n1 n2 1
    link n2 up
    reaches n1 n2 60
    signal_on n2 KILL python3
    all_gone
}

@test "a rank on each of 2, 3 and 4 hosts gives the state and history of one host" {
    same n1,n2 two
    same n1,n2,n3 three
    same n1,n2,n3,n4 four
    [ "$(grep -cE ' 1 rank x 1 thread on n[1-4]\b' four.out)" -eq 4 ]
}

@test "stages and replicas on separate hosts give the same state" {
    same n1,n2,n3 stages --set parallel.pipeline=3
    same n1:2,n2:2 replicas --set parallel.pipeline=2
    same n1,n2,n3,n4 both --set parallel.pipeline=2
}

@test "equal and unequal numbers of ranks per host give the same state" {
    same n1:2,n2:2 even
    same n1:1,n2:3 uneven
    same n3:2,n1:1,n4:3 other # 6 ranks
    same n1:5,n2:4 many       # more than grains
    same n1:1,n2:2 threads --threads 2
    grep -q ' 2 ranks x 2 threads on n2\b' threads.out
}

@test "data that every host reads from the file gives the same state" {
    same n1:2,n2:1,n3:1 disk --set data.memory=1
    grep -q '^data .* on disk,' disk.out
}

@test "features that hosts compute, or one reads from a file, reach all of them" {
    frozen=(--set finetune.freeze=backbone --set train.views=1)
    train 1 "$LETTERS" --run whole "${OPTIONS[@]}" "${frozen[@]}" --set finetune.features=off \
        >whole.out
    for run in cold warm; do
        train_on n1:2,n2:1,n3:2 $run "${frozen[@]}" --set finetune.cache=kept
        same_run whole.out $run.out
    done
    [ "$(grep -c '^features .* computed in' cold.out)" = 2 ]
    [ "$(grep -c '^features .* read in' warm.out)" = 2 ]
}

@test "eval over hosts gives the results of one host" {
    "$LOCKSTEP" eval reference --data letters.h5 >one.txt
    mpirun_on n1:2,n2:1,n3:1 "$LOCKSTEP" eval reference --data letters.h5 >hosts.txt
    result='^accuracy .* loss [0-9.]+'
    same_text "$(grep -Eo "$result" one.txt)" "$(grep -Eo "$result" hosts.txt)"
}

# weights HOST WEIGHT: every training image of data/letters.h5 gets that weight there.
weights() {
    on "$1" /usr/bin/python3 -c 'import h5py, numpy, sys
with h5py.File("data/letters.h5", "r+") as f:
    f["train/weights"] = numpy.full(len(f["train/labels"]), float(sys.argv[1]), "float32")' "$2"
}

@test "the run's folder is needed on the first host only, the data on all" {
    mkdir runs data
    cp letters.h5 data/
    on n2 mount -t tmpfs tmpfs runs
    train_on n1,n2 runs/mine --set train.steps=9
    train_on n1,n2 runs/mine --set train.steps=9
    grep -q '^resumed .* step 9 of 9' runs/mine.out
    [ -z "$(on n2 ls runs)" ]
    on n2 mount -t tmpfs tmpfs data
    run train_on n1,n2 missing --data data/letters.h5
    [ "$status" -eq 1 ]
    grep -q "^\[rank 1 n2\] cannot open 'data/letters.h5': No such file" missing.err
    cp letters.h5 data/
    on n2 cp letters.h5 data/
    weights n1 1
    weights n2 2
    run train_on n1,n2 weights --data data/letters.h5
    [ "$status" -eq 1 ]
    grep -q "^\[rank 1 n2\] 'data/letters.h5' has other weights of its images" weights.err
    on n2 rm data/letters.h5
    on n2 "$LOCKSTEP" data synth --out data/letters.h5 --train 1500 --test 70 --seed 2
    run train_on n1,n2 other --data data/letters.h5
    [ "$status" -eq 1 ]
    grep -q "^\[rank 1 n2\] 'data/letters.h5' is not the same file on this host" other.err
}

# Hosts of two kinds give the same bits, but v2, which has no fused multiply-adds. The plain
# kernels are slow: a few images.
@test "hosts with other kernels are named" {
    LOCKSTEP_ISA=none run --separate-stderr "$LOCKSTEP" show letters.h5
    [[ $stderr =~ 'v2, '(v[34]) ]] || skip "this machine has one kind of kernels"
    better=${BASH_REMATCH[1]}
    letters few.h5 40 10
    one=("$LOCKSTEP" train "$LETTERS" --data few.h5 --threads 1 --set train.batch=12
        --set train.grain=5 --set train.steps=2 --set checkpoint.every_epochs=0)
    mpirun_on n1,n2 -n 1 env LOCKSTEP_ISA=v2 "${one[@]}" --run v2 : -n 1 \
        env LOCKSTEP_ISA="$better" "${one[@]}" --run v2 2>v2.err
    cat v2.err
    grep -q "^note: rank 1 on n2 has kernels $better, .*, rank 0 v2, " v2.err

    "${one[@]}" --run alone >alone.out
    mpirun_on n1,n2 -n 1 env LOCKSTEP_ISA=plain "${one[@]}" --run mixed : -n 1 \
        env LOCKSTEP_ISA="$better" "${one[@]}" --run mixed >mixed.out 2>mixed.err
    run -1 grep -q ' has kernels ' mixed.err
    same_state alone.out mixed.out
    MPIRUN=("$ROOT/scripts/launch.sh")
    LOCKSTEP_ISA=plain mpirun_on n1,n2 "${one[@]}" --run plain >plain.out 2>plain.err
    grep -q ' plain kernels$' plain.out
    run -1 grep -q ' has kernels ' plain.err
    same_state alone.out plain.out
}

# The link makes the run slow, so that the signals arrive in time.
@test "a run that is stopped twice and resumed on other hosts gives the same state" {
    long=(--set train.steps=120)
    train 1 "$LETTERS" --run calm "${OPTIONS[@]}" "${long[@]}" >calm.out
    link_rate 100mbit
    start_on n1:2,n2:1,n3:1 stopped "${long[@]}"
    until_lines stopped 2
    signal_rank n3 3 USR1
    over 75 stopped
    MPIRUN=("$ROOT/scripts/launch.sh")
    start_on n2,n4 stopped "${long[@]}"
    until_lines stopped 2
    signal_on n2 TERM 'bash [^ ]*/launch.sh '
    over 75 stopped
    [ "$(grep -cE '^stopped step [0-9]+ of 120 ' stopped/log.txt)" -eq 2 ]

    link_rate full
    train_on n3:3,n1:2,n2:1 stopped "${long[@]}"
    same_state calm.out stopped.out
    same_trace calm.out stopped/log.txt
    same_history calm/metrics.h5 stopped/metrics.h5
}
