#!/usr/bin/env bats
# What is printed for the user to type can be typed: paths are quoted for the shell where
# they need it. And a file of a wrong kind is named for what it is.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 130 60
}

# lockstep: the program, as a user calls it.
setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
    mkdir bin
    ln -s "$LOCKSTEP" bin/lockstep
    PATH=$PWD/bin:$PATH
}

# after TEXT FILE: what the line of FILE that holds TEXT has behind it.
after() {
    local line
    line=$(grep -F "$1" "$2")
    printf '%s\n' "${line##*"$1"}"
}

# Names that a shell would read as several words, as an end of quotes, or as an option.
names=("with space" "it's" 'a "b" $HOME `x` \n;&' "-dash" "plain")

@test "the next command can be pasted, whatever the names are" {
    for name in "${names[@]}"; do
        echo "$name"
        cp letters.h5 "./$name.h5"
        lockstep train "$TINY" --data "$name.h5" --run "$name" --threads 1 \
            --set train.steps=2 >out 2>err
        after "next: " out >line
        cat line
        (eval "$(<line)") >evaluated
        grep -q '^accuracy ' evaluated
        grep -qF -- "$name.h5" evaluated
    done
    [ "$(<line)" = "lockstep eval plain --data plain.h5" ]
}

@test "the command that makes a val split can be pasted" {
    for name in "${names[@]}"; do
        cp letters.h5 "./$name.h5"
        lockstep train "$TINY" --data "$name.h5" --run never --check >out 2>err
        after "to make a val split: " err >line
        cat line
        (eval "$(<line)") >made
        lockstep data info "./$name.h5" | grep -q '^ *all .* 60'
        grep -q ' validation ' made
    done
}

@test "the command line in the header of a run can be pasted" {
    cp letters.h5 "it's mine.h5"
    lockstep train "$TINY" --data "it's mine.h5" --run "a b" --threads 1 \
        --set train.steps=2 >out
    sed -n 's/^command  *//p' out >line
    rm -r "a b"
    (eval "$(<line)") >again
    same_state out again "a b/log.txt"
}

@test "a file of a wrong kind is named for what it is, as a config and as a checkpoint" {
    printf '\xff\xd8\xff\xe0 and more' >cat.jpg
    printf 'PK\3\4 and more' >runs.zip
    echo 'some notes' >notes.txt
    lockstep train "$TINY" --data letters.h5 --run run --threads 1 --set train.steps=2 >out
    for command in "train FILE --data letters.h5 --run never" "bench step FILE" "plan FILE"; do
        refused 2 "'cat.jpg' is a JPEG image, not a config" lockstep ${command/FILE/cat.jpg}
        refused 2 "'runs.zip' is a zip archive, not a config: unpack it first" \
            lockstep ${command/FILE/runs.zip}
        refused 2 "'letters.h5' is a data set, not a config" \
            lockstep ${command/FILE/letters.h5}
        refused 2 "'run' is a folder, not a config" lockstep ${command/FILE/run}
    done
    for command in "train $TINY --data letters.h5 --run never --init FILE" \
        "eval FILE --data letters.h5" "predict FILE cat.jpg"; do
        refused 1 "'cat.jpg' is a JPEG image, not a*" lockstep ${command/FILE/cat.jpg}
        refused 1 "'notes.txt' is a text file, not a*" lockstep ${command/FILE/notes.txt}
        refused 1 "'letters.h5' is a data set, not a checkpoint" \
            lockstep ${command/FILE/letters.h5}
        refused 1 "'run/metrics.h5' is the metrics of a run, not a checkpoint" \
            lockstep ${command/FILE/run/metrics.h5}
    done
    refused 1 "'cat.jpg' is a JPEG image, not an HDF5 file" lockstep show cat.jpg
    [ ! -e never ]
}
