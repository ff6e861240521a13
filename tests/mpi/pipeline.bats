#!/usr/bin/env bats
# parallel.pipeline: ranks that share the layers compute the same bits as one rank, and
# write and read the same checkpoints; a failing stage is named.

# 71 samples make 7 grains; the 22nd batch of an epoch has 9 samples.
OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.clip=1 --set train.ema=0.9
    --set log.every=7 --set checkpoint.every_epochs=0 --set train.steps=30)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 1500 70
    train 1 "$LETTERS" --run reference "${OPTIONS[@]}" >reference.out
    deep >deep.conf
    train 1 deep.conf --run deep "${DEEP[@]}" >deep.out
    big >big.conf
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=() GROUP=''
}

teardown() {
    end_job
    [[ ! $GROUP ]] || rmdir "$GROUP"
}

# With what letters.conf does not have: dropout, layers without parameters at the front,
# unfused convolutions, adamw.
deep() {
    echo "[model]"
    printf 'layer = %s\n' "avgpool 2" "dropout p=0.1" "conv 12 kernel=3 stride=2" relu \
        "conv 9 kernel=3 pad=1" "maxpool 2" gelu flatten "linear 40" gelu "dropout p=0.3" \
        "linear classes" logsoftmax
    printf '%s\n' "[optim]" "kind = adamw" "lr = 0.01" "[augment]" "rotate = 9" "shift = 2"
}
DEEP=(--set train.batch=50 --set train.grain=8 --set train.steps=40 --set log.every=10
    --set checkpoint.every_steps=10 --set train.clip=0.5 --set checkpoint.keep=9)

# 20 million parameters.
big() {
    printf '%s\n' "[model]" "layer = flatten"
    for _ in 1 2 3 4 5; do
        printf 'layer = %s\n' "linear 2048" gelu
    done
    printf 'layer = %s\n' "linear 1024" gelu "linear classes" logsoftmax
}

# same RANKS STAGES RUN OPTION...: a run of 30 steps gives the results of the reference.
same() {
    train "$1" "$LETTERS" --run "$3" "${OPTIONS[@]}" --set "parallel.pipeline=$2" "${@:4}" \
        >"$3.out"
    same_run reference.out "$3.out"
    [ ! -e "$3/checkpoints/best.h5" ] || same_file "$3/checkpoints/best.h5" \
        reference/checkpoints/best.h5
}

# same_file FILE FILE: two checkpoints have the same arrays, names and hash.
same_file() {
    h5 "$1" "$2" <<'END'
def arrays(file):
    found = {}
    file.visititems(lambda name, item: found.update({name: item[()].tobytes()}
        if isinstance(item, h5py.Dataset) and not name.endswith("per_second") else {}))
    return found
assert arrays(f[0]) == arrays(f[1])
for name in ("state", "step", "best_step", "best_accuracy", "interval_loss"):
    assert f[0].attrs[name] == f[1].attrs[name], name
END
}

@test "1, 2, 3 stages with 1, 2, 3 replicas give the same state and checkpoint" {
    for stages in 2 3; do
        for replicas in 1 2 3; do
            same $((stages * replicas)) $stages "$stages-$replicas"
            grep -Eq "^pipeline +$replicas replicas? x $stages stages: conv1.* \| .*linear3" \
                "$stages-$replicas.out"
        done
    done
    for replicas in 2 3; do
        same $replicas 1 "1-$replicas"
    done
    file=checkpoints/step-000000000030.h5
    same_file 3-2/$file reference/$file
    "$LOCKSTEP" eval 3-2 --data letters.h5 >eval.out
    "$LOCKSTEP" eval reference --data letters.h5 >wanted.out
    same_text "$(grep -v '^checkpoint\|images/s\|3-2\|reference' eval.out)" \
        "$(grep -v '^checkpoint\|images/s\|3-2\|reference' wanted.out)"
}

@test "named stages, a stage per layer and more replicas than grains give the same state" {
    same 3 3 named --set 'parallel.stages=conv1+conv2 | conv3+linear1 | linear2+linear3'
    grep -Eq '^pipeline .*: conv1\+conv2 \| conv3\+linear1 \| linear2\+linear3$' named.out
    same 6 6 all
    same 2 2 lopsided --set 'parallel.stages=conv1|conv2+conv3+linear1+linear2+linear3'
    same 16 2 idle --set 'parallel.stages=conv1+conv2+conv3|linear1+linear2+linear3'
}

@test "stages with several threads give the same state" {
    same 2 2 two --threads 2
    same 3 3 batch --threads 2 --set parallel.intra=batch
    same 2 2 channel --threads 3 --set parallel.intra=channel
    same 4 2 hybrid --threads 3 --set parallel.intra=hybrid
}

@test "images that are read by chunks give the same state" {
    same 4 2 disk --set data.memory=1
    grep -q '^data .* on disk,' disk.out
}

@test "dropout, augmentation, adamw and unfused layers in stages give the same state" {
    for ranks in 2 4; do
        train $ranks deep.conf --run deep-$ranks "${DEEP[@]}" \
            --set parallel.pipeline=$ranks >deep-$ranks.out
        same_run deep.out deep-$ranks.out
    done
    for step in 10 40; do
        same_file deep-4/checkpoints/step-0000000000$step.h5 \
            deep/checkpoints/step-0000000000$step.h5
    done
}

@test "a run resumed in mid-epoch with other stages, several times, gives the same state" {
    steps() {
        train "$1" deep.conf --run moved "${DEEP[@]}" --set "parallel.pipeline=$2" \
            --set "train.steps=$3" --resume >"moved-$3.out" 2>"moved-$3.err"
    }
    steps 1 1 7
    steps 3 3 19
    grep -q "parallel.pipeline 1 -> 3" moved-19.err moved-19.out
    steps 2 1 23
    steps 4 2 31
    steps 1 1 40
    same_state moved-40.out deep.out
}

@test "--init gives every stage its layers" {
    file=deep/checkpoints/step-000000000030.h5
    train 1 deep.conf --run init-1 --init $file "${DEEP[@]}" >init-1.out
    train 4 deep.conf --run init-4 --init $file "${DEEP[@]}" --set parallel.pipeline=4 \
        >init-4.out
    same_run init-1.out init-4.out
    other_state init-1.out deep.out
}

@test "all stages skip a damaged checkpoint and use the one before" {
    train 2 deep.conf --run damaged "${DEEP[@]}" --set parallel.pipeline=2 \
        --set train.steps=20 >damaged.out
    file=damaged/checkpoints/step-000000000020.h5
    at=$(h5 $file <<<'print(f[0]["weights/linear1/weight"].id.get_offset())')
    printf '\x55' | dd of=$file bs=1 seek="$at" conv=notrunc status=none
    train 4 deep.conf --run damaged "${DEEP[@]}" --set parallel.pipeline=4 --resume \
        >again.out 2>again.err
    grep -q "step-000000000020.h5' cannot be used; looking for an older one" again.err
    grep -q "^resumed from '.*/step-000000000010.h5': step 10 of 40" again.out
    same_state again.out deep.out
}

@test "a stage that is killed ends the job; the same command goes on to the same state" {
    for rank in 0 3; do
        all=("${DEEP[@]}" --set parallel.pipeline=2)
        start 4 "killed$rank" deep.conf "${all[@]}" "${ENDLESS[@]}"
        until_step "killed$rank" 60
        kill -KILL "$(pid_of $rank)"
        ends_with 137 "killed$rank"
        ends_as_undisturbed 4 "killed$rank" deep.conf "${all[@]}"
        grep -Eq '^resumed from .*: step [1-9][0-9]+ of ' "killed$rank.end"
    done
}

@test "a pipeline that is asked to stop ends with 75, and goes on with other stages" {
    start 3 stopped deep.conf "${DEEP[@]}" "${ENDLESS[@]}" --set parallel.pipeline=3
    until_step stopped 60
    kill -USR1 "$(pid_of 2)"
    ends_with 75 stopped
    ends_as_undisturbed 2 stopped deep.conf "${DEEP[@]}" --set parallel.pipeline=2
}

@test "a stage that is stopped is named, with one of its layers" {
    host=$(hostname -s)
    start 3 stalled "$LETTERS" --set train.steps=1000000 --set parallel.pipeline=3 \
        --set log.every=1 --set checkpoint.every_minutes=0 --stall-timeout 10 \
        --set 'parallel.stages=conv1+conv2 | conv3+linear1 | linear2+linear3'
    until_lines stalled 12
    victim=$(pid_of 2)
    kill -STOP "$victim"
    until_said stalled "rank 2 \($host\) has been at step"
    place='(layer (linear[23]|gelu[45]|logsoftmax1) (for|back)ward|load|stage|reduce|update'
    place+='|evaluate(, layer [a-z]+[0-9])?|checkpoint)'
    grep -Eq "rank 2 \($host\) has been at step [0-9]+, $place, for [0-9]+ s: process \
$victim is stopped" stalled.err
    ends_with 1 stalled
}

@test "bad numbers are found in any stage" {
    for stages in 1 3; do
        run --separate-stderr train $stages "$LETTERS" --run bad$stages --set optim.lr=1e6 \
            --set train.steps=20 --set parallel.pipeline=$stages --set schedule.kind=constant
        [ "$status" -eq 1 ]
        sed -nE 's/^lockstep: (step .*: .*in (the output of )?layer .*)/\1/p' \
            <<<"$stderr" >bad$stages.said
        [ "$(wc -l <bad$stages.said)" -eq 1 ]
    done
    diff bad1.said bad3.said
}

@test "a full disk is reported once, and training goes on" {
    [ "$(id -u)" -eq 0 ] || skip "only root can mount"
    mkdir -p full
    mount -t tmpfs -o size=64k none full 2>/dev/null || skip "cannot mount"
    train 3 deep.conf --run full/run "${DEEP[@]}" --set parallel.pipeline=3 >full.out \
        2>full.err || status=$?
    umount full || umount -l full
    [ "${status-0}" -eq 1 ]
    grep -q 'training goes on, the next checkpoint is tried when it is due' full.err
    grep -q 'the last state is not saved' full.err
    grep '^eval step 30 ' deep.out >deep.eval
    grep '^eval step 30 ' full.out >full.eval
    same_state full.eval deep.eval
}

@test "the table of phases shows bubbles, balance and idle time" {
    same 3 3 table
    grep -Eq '^  stage wait +[0-9.]+ +[0-9.]+ ' table.out
    grep -Eq '^stages of the pipeline \(mean over replicas\):' table.out
    [ "$(grep -cE '^  [012]  +[a-z0-9+]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$' table.out)" -eq 3 ]
    grep -Eq '^idle [0-9.]+ % of the stages.* bubbles, .* imbalance \(the busiest' table.out
    run grep -E 'stage wait|stages of the pipeline' reference.out
    [ "$status" -eq 1 ]
    # a resumed run without any step left prints no table of stages
    train 3 "$LETTERS" --run table "${OPTIONS[@]}" --set parallel.pipeline=3 --resume \
        >again.out
    same_state again.out reference.out
    run grep -E 'nan|stages of the pipeline' again.out
    [ "$status" -eq 1 ]
}

# Other processes can take the CPUs between two spans, which leaves time without a name: a
# trace may be repeated.
@test "the trace of a pipeline names what its threads do and wait for" {
    for intra in batch channel; do
        for try in 1 2 3; do
            name=traced-$intra-$try
            same 2 2 "$name" --threads 2 --set parallel.intra=$intra --trace "$name.json"
            grep -q '"name":"rank 1 (.*), stage 1: ' "$name.json"
            /usr/bin/python3 "$ROOT/tests/trace.py" "$name.json" 2 >"$name.txt" && break
        done
        grep -q '^categories: .*stage wait.* wait' "$name.txt"
    done
}

# The limit is per process: state, gradients and copies of 20 million parameters need more.
@test "three ranks train a network that one rank cannot hold, to the same state" {
    train_big() {
        train "$1" big.conf --run "$2" --set train.steps=3 --set train.batch=48 \
            --set train.grain=16 --set optim.lr=0.01 --set "parallel.pipeline=$1" "${@:3}"
    }
    stages='linear1+linear2 | linear3+linear4 | linear5+linear6+linear7'
    train_big 1 big1 >big1.out
    limit=620000
    (
        export OMP_NUM_THREADS=2 # OpenBLAS takes 128 MiB for each
        ulimit -d $limit
        refused 2 "training takes * (parallel.pipeline = [23])" train_big 1 none
        refused 2 "training takes *, give it fewer threads, or let more ranks share*" \
            "$LOCKSTEP" train big.conf --data letters.h5 --run none --threads 2 --tune force
    )
    [ ! -e none ] # what was refused is not in the way of what is tried next
    (
        export OMP_NUM_THREADS=2
        ulimit -d $limit
        train_big 3 big3 --set "parallel.stages=$stages"
    ) >big3.out
    same_run big1.out big3.out
    same_file big{1,3}/checkpoints/step-000000000003.h5
}

# The slow layers are small and the large ones fast: balanced by time alone, one stage would
# get all large layers.
@test "stages are balanced by time as far as memory allows" {
    echo "[model]" >wide.conf
    printf 'layer = %s\n' "conv 48 kernel=3" "conv 320 kernel=3" flatten "linear 20" \
        "linear 3000" "linear 3000" "linear 3000" "linear classes" logsoftmax >>wide.conf
    train_wide() {
        train "$1" wide.conf --run "$2" --set train.steps=3 --set train.batch=16 \
            --set train.grain=8 --set optim.lr=0.01 --set "parallel.pipeline=$1" "${@:3}"
    }
    train_wide 1 wide1 >wide1.out
    limit=570000
    (
        export OMP_NUM_THREADS=2
        ulimit -d $limit
        run --separate-stderr train_wide 3 none \
            --set 'parallel.stages=conv1 | conv2 | linear1+linear2+linear3+linear4+linear5'
        echo "status $status: $stderr"
        [ "$status" -eq 2 ]
        [ "$(grep -c '^\[rank 2 .*\] training takes 4[0-9][0-9] MB ' <<<"$stderr")" -eq 1 ]
        train_wide 3 wide3 >wide3.out
    )
    grep 'stages: .*linear3 | linear4+linear5 (measured' wide3.out
    same_run wide1.out wide3.out
}

@test "a layer that fits into no process is named before it is measured" {
    echo "[model]" >huge.conf
    printf 'layer = %s\n' flatten "linear 40000" gelu "linear 20000" "linear classes" \
        logsoftmax >>huge.conf
    (
        ulimit -d 2000000
        run --separate-stderr train 2 huge.conf --run none --set parallel.pipeline=2
        echo "status $status: $stderr"
        [ "$status" -eq 2 ]
        grep -q "^lockstep: parallel.pipeline: layer 'linear2' alone takes more than [12][0-9]" \
            <<<"$stderr"
    )
    [ ! -e none ]
}

# limit BYTES: makes GROUP, a control group with this memory limit, below this process's own.
limit() {
    local root=/sys/fs/cgroup/memory file=memory.limit_in_bytes own
    own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
    [[ $own ]] || root=/sys/fs/cgroup file=memory.max own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    mkdir "$root$own/lockstep-$$" 2>/dev/null || return
    GROUP=$root$own/lockstep-$$
    echo "$1" 2>/dev/null >"$GROUP/$file"
}

@test "the memory limit of a control group holds for a process and for all ranks of a node" {
    limit 1000000000 || skip "cannot make a control group with a limit of memory"
    grouped() {
        (
            echo "$BASHPID" >"$GROUP/cgroup.procs"
            train "$1" big.conf --run none --check --set train.batch=48 \
                --set train.grain=16 "${@:2}"
        )
    }
    grouped 2 >two.out 2>two.err || : # killed, as it says
    grep -q '^note: the ranks of a node take 1\.[0-9]* times the memory' two.err
    grouped 1 >one.out 2>one.err
    cat one.err
    run grep "^note: the ranks" one.err
    [ "$status" -eq 1 ]
    refused 2 "training takes 1.* GB in this process, which may have 1.00 GB (*memory.*); *" \
        grouped 1 --threads 2
}

@test "what cannot be is refused in one line" {
    stages() {
        run --separate-stderr train "$1" "$LETTERS" --run refused \
            --set "parallel.pipeline=$2" "${@:4}"
        echo "status $status: $stderr"
        [ "$status" -eq 2 ]
        said=$(grep '^lockstep: ' <<<"$stderr") # mpirun has its own to say
        # shellcheck disable=SC2053
        [[ $said != *$'\n'* && $said == "lockstep: "$3 ]]
        [ ! -e refused ]
    }
    stages 7 7 "parallel.pipeline = 7: the network can be cut into 6 stages at most: *"
    stages 1 2 "parallel.pipeline = 2 does not divide the number of ranks, 1: *"
    stages 4 3 "parallel.pipeline = 3 does not divide the number of ranks, 4: start 3,*"
    stages 1 0 "--set: 'pipeline = 0': expected a whole number from 1 to 512"
    stages 1 1 "parallel.stages needs parallel.pipeline = *" --set parallel.stages=conv1
    stages 2 2 "parallel.stages: layer 'linear3' is in no stage" \
        --set 'parallel.stages=conv1+conv2 | conv3+linear1+linear2'
    stages 2 2 "parallel.stages: layer 'conv2' is missing before 'conv3'*" \
        --set 'parallel.stages=conv1 | conv3+linear1+linear2+linear3'
    stages 2 2 "parallel.stages: the network has no layer 'conv4'; did you mean 'conv1'?" \
        --set 'parallel.stages=conv4 | conv2'
    stages 2 2 "parallel.stages names 3 stages, parallel.pipeline is 2" \
        --set 'parallel.stages=conv1+conv2 | conv3+linear1 | linear2+linear3'
}

@test "--check prints the stages and writes nothing" {
    train 3 "$LETTERS" --run checked --check --set parallel.pipeline=3 >check.out
    grep -Eq '^pipeline +1 replica x 3 stages: .* \(measured: [0-9]+ \| [0-9]+ \| [0-9]+ % of' \
        check.out
    train 1 "$LETTERS" --run checked --check --set parallel.pipeline=6 >alone.out
    grep -Eq '^pipeline +[0-9a-z ]+ x 6 stages: conv1 \| conv2 \| conv3 \| linear1 \| ' alone.out
    [ ! -e checked ]
}
