#!/usr/bin/env bats
# Failures of the storage while a run writes to it: a full disk, a failing device, a folder
# that is read-only, deleted or moved away. Training goes on, one note says so, the last good
# checkpoint stays whole, and later ones are written when that is possible again. Then files
# that are damaged after they were written: they are named, and the one before is used.

OPTIONS=(--set train.epochs=4 --set train.ema=0.99 --set log.every=5
    --set checkpoint.every_steps=4 --set checkpoint.keep=99)
LONG=(--set log.every=50 --set checkpoint.every_steps=20
    --set checkpoint.every_epochs=0 --set train.eval_every=100)

# 330 images in batches of 50 make 7 steps an epoch; the run ends at step 28.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
    sed 's/^batch = .*/batch = 50/' "$TINY" >tiny.conf
    train 1 tiny.conf --run whole "${OPTIONS[@]}" >whole.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=() MOUNTS=()
}

teardown() {
    local i
    end_job
    for ((i = ${#MOUNTS[@]} - 1; i >= 0; i--)); do
        umount "${MOUNTS[i]}" 2>/dev/null || umount -l "${MOUNTS[i]}" 2>/dev/null || :
    done
}

# mounted FOLDER MOUNT-OPTION...: mounts until the test ends; skips where that is forbidden.
mounted() {
    mkdir -p "$1"
    mount "${@:2}" "$1" 2>/dev/null || skip "cannot mount"
    MOUNTS+=("$1")
}

# said RUN N TEXT: N lines of the chatter of RUN hold TEXT.
said() {
    [ "$(grep -cE "$3" "$1.err")" -eq "$2" ]
}

TROUBLE='training goes on, the next checkpoint is tried when it is due$'
AGAIN='^note: step [0-9]+: checkpoints are written again$'

# recovers RUN: the job of `start` has reported the failure once, and writes again.
recovers() {
    until_said "$1" "$AGAIN"
    stops_in_order "$1"
    said "$1" 1 "$TROUBLE"
    said "$1" 1 "$AGAIN"
}

# stops_in_order RUN: stops the job of `start`. The run then resumes from its last step and
# ends as an undisturbed run.
stops_in_order() {
    kill -USR1 "${PIDS[0]:-$JOB}"
    ends_with 75 "$1"
    cat "$1.err"
    [ "$(find "$1" -name '*.tmp.*' | wc -l)" -eq 0 ]
    [ ! -e "$1/lock" ]
    ends_as_undisturbed 1 "$1" tiny.conf "${LONG[@]}"
    grep -q "^resumed from '$1/.*': step $(stopped_at "$1") of " "$1.end"
}

stopped_at() { # RUN
    sed -nE 's/^stopped step ([0-9]+) of .*/\1/p' "$1/log.txt" | tail -n 1 | grep .
}

has_checkpoint() { # RUN
    compgen -G "$1/checkpoints/step-*.h5" >/dev/null
}

# paused COMMAND...: runs COMMAND while the ranks are stopped.
paused() {
    kill -STOP "${PIDS[@]}"
    "$@"
    kill -CONT "${PIDS[@]}"
}

newest() { # RUN
    find "$1/checkpoints" -name 'step-*.h5' | sort | tail -n 1
}

# usable FILE...: lockstep can evaluate these checkpoints.
usable() {
    local file
    for file; do
        "$LOCKSTEP" eval "$file" --data letters.h5 --threads 1 >/dev/null </dev/null
    done
}

# --- full ---

@test "a disk that stays full gives one note, exit code 1, and whole checkpoints" {
    mounted disk -t tmpfs -o size=1m none
    full=("${OPTIONS[@]}" --set checkpoint.every_steps=1 --run disk/run)
    status=0
    train 2 tiny.conf "${full[@]}" >full.out 2>full.err || status=$?
    cat full.err
    [ "$status" -eq 1 ]
    said full 1 "^note: step [0-9]+: cannot write 'disk/run/.*No space left .*; $TROUBLE"
    said full 0 "$AGAIN"
    said full 1 '^lockstep: the last state is not saved \(.*No space left on device\);'
    same_state full.out whole.out
    [ "$(find disk -name '*.tmp.*' | wc -l)" -eq 0 ]
    [ "$(find disk/run/checkpoints -name 'step-*' | wc -l)" -gt 1 ]
    usable disk/run/checkpoints/step-*
    mount -o remount,size=20m disk
    train 3 tiny.conf "${full[@]}" --resume >full-2.out
    grep -q "^resumed from 'disk/run/checkpoints/step-" full-2.out
    same_state full-2.out whole.out
}

@test "a disk that is full for a while gives one note, and checkpoints are written again" {
    mounted disk -t tmpfs -o size=3m none
    mkdir disk/run
    ln -s disk/run filled
    start 2 filled tiny.conf "${LONG[@]}" "${ENDLESS[@]}"
    poll has_checkpoint disk/run
    head -c 10m /dev/zero >disk/filler || :
    poll grep -q "$TROUBLE" filled.err
    paused usable "$(newest disk/run)"
    rm disk/filler
    recovers filled
}

# A thin device: the file system promises space that does not exist, which fsync finds out.
@test "a device that fails at fsync gives one note, and checkpoints are written again" {
    mounted below -t tmpfs -o size=1200k none
    truncate -s 32M below/image
    mkfs.ext4 -q -O ^has_journal below/image || skip "no mkfs.ext4"
    mounted thin -o loop below/image
    mkdir thin/run
    ln -s thin/run failing
    start 1 failing tiny.conf "${LONG[@]}" "${ENDLESS[@]}" --set checkpoint.keep=99
    poll grep -q "$TROUBLE" failing.err
    paused usable "$(newest thin/run)"
    mount -o remount,size=40m below
    recovers failing
}

# --- errors of single system calls ---

# under_strace RUN OPTION... -- OPTION...: one rank under strace with the first options.
under_strace() {
    local run=$1 tracer=()
    need_trace
    shift
    while [[ $1 != -- ]]; do tracer+=("$1") && shift; done
    strace -D -f --seccomp-bpf -qq -o "$run.strace" "${tracer[@]}" \
        "$LOCKSTEP" train tiny.conf --data letters.h5 --threads 1 --run "$run" \
        "${LONG[@]}" "${ENDLESS[@]}" "${@:2}" >"$run.out" 2>"$run.err" </dev/null 3>&- &
    JOB=$! PIDS=()
}

# The calls counted are those of the writing thread.
@test "an I/O error in write, truncate, fsync or rename gives one note, and writing resumes" {
    for call in pwrite64 fsync rename ftruncate; do
        echo "$call"
        under_strace "eio-$call" -e "trace=$call" \
            -e "inject=$call:error=EIO:when=5..12" --
        recovers "eio-$call"
        grep -q "Input/output error" "eio-$call.err"
        grep -q INJECTED "eio-$call.strace"
    done
}

@test "a failing write does not touch the checkpoint before" {
    under_strace spared -e trace=rename -e inject=rename:error=EIO:when=9+ -- \
        --set checkpoint.keep=1
    poll grep -q "$TROUBLE" spared.err
    good=$(newest spared)
    sum=$(sha256sum "$good")
    usable "$good"
    kill -USR1 "$JOB"
    ends_with 1 spared
    cat spared.err
    said spared 1 "$TROUBLE"
    said spared 1 '^lockstep: the last state is not saved \(.*Input/output error\)'
    same_text "$(sha256sum "$good")" "$sum"
    same_text "$(newest spared)" "$good"
    ends_as_undisturbed 1 spared tiny.conf "${LONG[@]}"
}

# --- file systems with gaps ---

NO_SYNC="^note: the file system of '[^']*' cannot sync a (file|folder) \\(Operation not supported\\): "
NO_LOCK="^note: there are no locks for 'gaps/lock': "

# lacking COMMAND...: with calls that some file systems (FUSE, NFS, those of WSL) lack, and
# with the locks of HDF5 itself, which fail there, asked for.
lacking() {
    faults fsync:error=EOPNOTSUPP flock:error=ENOLCK fallocate:error=EOPNOTSUPP
    HDF5_USE_FILE_LOCKING=TRUE "${FAULTY[@]}" "$@" </dev/null
}

@test "a file system that cannot sync, lock or reserve gives a note each and the same files" {
    lacking "$LOCKSTEP" data synth --out gaps.h5 --train 330 --test 60 >synth.out 2>synth.err
    cat synth.err
    cmp gaps.h5 letters.h5
    [ "$(grep -cE "$NO_SYNC" synth.err)" -eq 1 ]
    half=("$LOCKSTEP" train tiny.conf --data gaps.h5 --threads 1 --run gaps "${OPTIONS[@]}"
        --set data.file=letters.h5 --resume)
    lacking mpirun -n 2 "${half[@]}" --set train.epochs=2 >gaps.out 2>gaps.err
    lacking "${half[@]}" >gaps.out 2>>gaps.err
    cat gaps.err
    for call in fsync flock; do grep -q "$call.*INJECTED" faults.strace; done
    said gaps 2 "$NO_SYNC"
    said gaps 2 "$NO_LOCK"
    said gaps 0 "$TROUBLE"
    same_state gaps.out whole.out
    [ ! -e gaps/lock ]
}

# Some mounts say EIO: the file is complete, and its name is only not yet safe.
@test "a folder that cannot be synced gives a note, and the run goes on" {
    faults fsync:error=EIO
    "${FAULTY[@]}" -P "$PWD" "$LOCKSTEP" data synth --out gaps.h5 --train 330 --test 60 \
        2>synth.err
    cmp gaps.h5 letters.h5
    grep -q "^note: the file system of '.' cannot sync a folder (Input/output error): " synth.err
    "${FAULTY[@]}" -P "$PWD/folder" -P "$PWD/folder/checkpoints" "$LOCKSTEP" train tiny.conf \
        --data letters.h5 --threads 1 --run folder "${OPTIONS[@]}" >folder.out 2>folder.err
    grep -q INJECTED faults.strace
    said folder 1 "^note: the file system of 'folder.*' cannot sync a folder \(Input/output"
    said folder 0 "$TROUBLE"
    same_state folder.out whole.out
}

# --- the folder ---

@test "a folder that is read-only for a while gives one note, and writing resumes" {
    start 2 guarded tiny.conf "${LONG[@]}" "${ENDLESS[@]}"
    poll has_checkpoint guarded
    mounted guarded/checkpoints --bind guarded/checkpoints
    poll mount -o remount,ro,bind guarded/checkpoints 2>/dev/null
    poll grep -q "Read-only file system; $TROUBLE" guarded.err
    umount guarded/checkpoints
    MOUNTS=()
    recovers guarded
}

# Every write is delayed, so that a checkpoint takes a second.
slow=(-e trace=pwrite64 -e "inject=pwrite64:delay_enter=5ms")

# Each write takes a second, every three seconds.
@test "training does not wait for checkpoints to be written" {
    under_strace busy "${slow[@]}" -- --set checkpoint.every_steps=0 \
        --set checkpoint.every_minutes=0.05 --set train.eval_every=1000000 --max-time 0:20
    ends_with 75 busy
    grep -A 11 '^where the time went' busy.out
    [ "$(find busy/checkpoints -name 'step-*.h5' | wc -l)" -ge 3 ]
    awk '$1 == "checkpoint" && NF == 5 { share = $3 } $1 == "total" && NF == 3 { all = $3 }
        END { exit !(all == 100 && share != "" && share < 15) }' busy.out
}

@test "a folder that is deleted while a checkpoint is written is made again" {
    under_strace deleted "${slow[@]}" -- --set checkpoint.every_steps=500 \
        --set checkpoint.keep_best=off
    poll compgen -G 'deleted/checkpoints/*.tmp.*'
    rm -rf deleted
    poll has_checkpoint deleted
    stops_in_order deleted
    (($(grep -cE "$TROUBLE" deleted.err) <= 1))
}

@test "when checkpoints/ alone is deleted the next checkpoint is written" {
    start 2 emptied tiny.conf "${LONG[@]}" "${ENDLESS[@]}"
    poll has_checkpoint emptied
    poll rm -rf emptied/checkpoints 2>/dev/null # the writer may be faster
    poll has_checkpoint emptied
    stops_in_order emptied
}

@test "a folder that is moved away stays usable, and the run makes its folder again" {
    start 2 moved tiny.conf "${LONG[@]}" "${ENDLESS[@]}"
    poll has_checkpoint moved
    mv moved elsewhere
    poll has_checkpoint moved
    stops_in_order moved
    same_text "$(ls moved)" "$(ls calm)"
    usable "$(newest elsewhere)"
    rm -f elsewhere/lock
    ends_as_undisturbed 1 elsewhere tiny.conf "${LONG[@]}"
}

@test "a run whose checkpoints cannot be read for a while does not start over" {
    need_trace
    cp -r whole unread
    before=$(fingerprint unread/checkpoints)
    paths=()
    for file in unread/checkpoints/*; do paths+=(-P "$file"); done
    run strace -f -qq -o unread.strace "${paths[@]}" -e trace=openat \
        -e inject=openat:error=EIO "$LOCKSTEP" train tiny.conf --data letters.h5 \
        --threads 1 --run unread "${OPTIONS[@]}" --resume
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"lockstep: 'unread' holds checkpoints that cannot be read now; "* ]]
    same_text "$(fingerprint unread/checkpoints)" "$before"
    same_history whole/metrics.h5 unread/metrics.h5
}

# trial_of PID FILE: sets TRIAL to the descendant of PID that tries to read FILE.
trial_of() {
    local pid
    for pid in $(family "$1"); do
        [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == "lockstep show -- $2 " ]] || continue
        TRIAL=$pid
        return
    done 2>/dev/null
    return 1
}

# The trial is delayed by two seconds, to leave time to kill it, as the kernel may when memory
# is short.
@test "when the process that tries a checkpoint is killed no older checkpoint is taken" {
    need_trace
    cp -r whole killed
    before=$(fingerprint killed/checkpoints)
    strace -f -qq -o killed.strace -P /proc/self/oom_score_adj -e trace=openat \
        -e inject=openat:delay_enter=2s "$LOCKSTEP" train tiny.conf --data letters.h5 \
        --threads 1 --run killed "${OPTIONS[@]}" --resume >killed.out 2>killed.err 3>&- &
    JOB=$!
    poll trial_of "$JOB" killed/checkpoints/step-000000000028.h5
    kill -KILL "$TRIAL"
    status=0
    wait "$JOB" || status=$?
    JOB=''
    cat killed.err
    [ "$status" -eq 1 ]
    grep -q "^lockstep: 'killed/.*-000000000028.h5' could not be probed: " killed.err
    run -1 grep -E 'damaged|looking for an older' killed.err
    rm -f killed/lock
    same_text "$(fingerprint killed/checkpoints)" "$before"
    same_history whole/metrics.h5 killed/metrics.h5
    train 1 tiny.conf --run killed "${OPTIONS[@]}" --resume >killed.out
    grep -q "^resumed from 'killed/.*-000000000028.h5'" killed.out
}

# --- damage after writing ---

# survives WHAT: `hurt`, a copy of `whole` with a damaged newest checkpoint, resumes from it
# or, with a note, from the one before, and ends with the same state.
survives() {
    local status=0 file=hurt/checkpoints/step-000000000028.h5
    train 1 tiny.conf --run hurt "${OPTIONS[@]}" --resume >hurt.out 2>hurt.err ||
        status=$?
    if ((status)) || ! same_state hurt.out whole.out; then
        echo "$1: status $status, $(state hurt.out)"
        cat hurt.err
        return 1
    fi
    same_history whole/metrics.h5 hurt/metrics.h5
    if grep -q "^resumed from '$file'" hurt.out; then
        from=it
    else
        from=before
        grep -q "^lockstep: .*'$file'" hurt.err
        grep -q "^note: '$file' cannot be used; looking for an older one" hurt.err
        grep -q "^resumed from 'hurt/.*-000000000024.h5': step 24 of 28" hurt.out
    fi
}

hurt_anew() {
    rm -rf hurt
    cp -r whole hurt
}

flip() { # FILE BYTE BIT
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\x$(printf %x $((byte ^ 1 << $3)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# ranges FILE: the byte ranges of its arrays: FROM TO, one per line.
ranges() {
    h5 "$1" <<'END'
def show(name, item):
    if isinstance(item, h5py.Dataset) and item.id.get_offset() is not None:
        print(item.id.get_offset(), item.id.get_offset() + item.id.get_storage_size())
f[0].visititems(show)
END
}

@test "a flipped bit in any array of the newest checkpoint is found" {
    ranges whole/checkpoints/step-000000000028.h5 >arrays
    [ "$(wc -l <arrays)" -gt 10 ]
    while read -r begin end; do
        bit=$((SRANDOM % 8)) where=$((begin + SRANDOM % (end - begin)))
        hurt_anew
        flip hurt/checkpoints/step-000000000028.h5 "$where" $bit
        survives "bit $bit of byte $where"
        echo "bit $bit of byte $where: $from"
        [ "$from" = before ]
    done <arrays
}

@test "a flipped bit anywhere else is found, or has no effect" {
    file=whole/checkpoints/step-000000000028.h5
    ranges $file >arrays
    size=$(stat -c %s $file)
    awk -v size="$size" '{ for (i = $1; i < $2; i++) array[i] = 1 }
        END { for (i = 0; i < size; i++) if (!(i in array)) print i }' arrays |
        shuf -n "${FLIPS:-20}" >bytes
    while read -r where; do
        bit=$((SRANDOM % 8))
        hurt_anew
        flip hurt/checkpoints/step-000000000028.h5 "$where" $bit
        survives "bit $bit of byte $where"
    done <bytes
}

@test "a truncated newest checkpoint is found" {
    size=$(stat -c %s whole/checkpoints/step-000000000028.h5)
    for keep in 0 1 8 47 48 512 $((size / 2)) $((size - 1)) \
        $(shuf -i "1-$((size - 2))" -n 8); do
        hurt_anew
        truncate -s "$keep" hurt/checkpoints/step-000000000028.h5
        survives "cut to $keep of $size bytes"
        [ "$from" = before ]
    done
}
