#!/bin/bash
# Make the man pages from --help, with help2man: man.sh PROGRAM FOLDER
# One page for the program (lockstep.1) and one for each command (lockstep-train.1,
# lockstep-data-synth.1). The commands are those that --help lists.
set -eu
program=$(realpath "$1")
folder=$2
command -v help2man >/dev/null || {
    echo "man: no help2man: type 'apt-get install help2man'" >&2
    exit 1
}
version=$("$program" --version)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"

# list HELP: the commands that a help text lists, NAME<tab>SUMMARY. A summary may go on in
# lines that are indented further.
list() {
    awk 'function flush() { if (name != "") print name "\t" text; name = "" }
         tolower($0) ~ /^commands:/ { on = 1; next }
         !NF { flush(); on = 0 }
         on && /^  [^ ]/ { flush(); name = $1; sub(/^ *[^ ]+ +/, ""); text = $0; next }
         on { sub(/^ +/, ""); text = text " " $0 }
         END { flush() }' "$1"
}

# list_optional HELP COMMAND: those in its usage, "[batch|threads]", that have a help of
# their own, with the first line of that as the summary.
list_optional() {
    local word text
    for word in $(sed -nE '1 s/.*\[([a-z|]+)\].*/\1/p' "$1" | tr '|' ' '); do
        text=$("$program" "$2" "$word" --help)
        [[ ${text,,} == "usage: lockstep $2 $word "* ]] || continue
        printf '%s\t%s\n' "$word" "$(awk 'NR > 1 && NF { on = 1 } on && !NF { exit }
            on { printf "%s%s", sep, $0; sep = " " }' <<<"$text" | sed 's/[.,:].*//')"
    done
}

# As help2man wants it: headings with a capital; no version, no table of exit codes, which
# every page has from here, and no programs, which it would fill like text.
adapt() {
    awk -v programs=0 "$split_programs" "$1" |
        sed -E '/^lockstep [0-9]/d; /^Exit status:/,/^$/d; s/^usage:/Usage:/
            s/^(options|commands):$/\u&/'
}

# A paragraph that begins with four blanks is a program; one that ends with a colon before it
# is its heading. Prints the programs, or all the rest.
split_programs='
    BEGIN { RS = ""; ORS = "\n\n" }
    function flush(is_program) { if (held != "" && is_program == programs) print held; held = "" }
    /^    [^ ]/ { flush(held ~ /:$/); if (programs) print; next }
    { flush(0); held = $0 }
    END { flush(0) }'

# example HELP: the section of its programs, if it has some.
example() {
    local text
    text=$(awk -v programs=1 "$split_programs" "$1" | sed 's/\\/\\e/g; s/^\./\\\&./')
    [[ $text ]] && printf '[EXAMPLES]\n.nf\n%s\n.fi\n' "$text"
    return 0
}

# exit_status HELP: the entries of its table of exit codes.
exit_status() {
    awk '/^Exit status:/ { on = 1; next }
         !NF { on = 0 }
         on && /^  [0-9]/ { tag = $1; sub(/^ *[0-9]+ +/, ""); print ".TP\n" tag; print; next }
         on { sub(/^ +/, ""); print }' "$1" | sed 's/--/\\-\\-/g'
}

# see_also NAME...: one line of references.
see_also() {
    local separator=,
    while (($#)); do
        (($# == 1)) && separator=
        printf '.BR %s (1)%s\n' "$1" "$separator"
        shift
    done
}

# page NAME SUMMARY HELP SEE_ALSO...: write FOLDER/NAME.1.
page() {
    local name=$1 summary=$2 help=$3
    shift 3
    adapt "$help" >"$work/text"
    printf '#!/bin/sh\ncat %q\n' "$work/text" >"$work/$name"
    chmod +x "$work/$name"
    {
        printf '[NAME]\n%s \\- %s\n[EXIT STATUS]\n' "$name" "$summary"
        exit_status "$work/top"
        example "$help"
        printf '[SEE ALSO]\n'
        see_also "$@"
    } >"$work/include"
    help2man --no-info --include "$work/include" --version-string "$version" \
        --source lockstep --manual 'User Commands' --output "$folder/$name.1" "$work/$name"
}

"$program" --help >"$work/top"
list "$work/top" >"$work/commands"
mapfile -t all < <(sed 's/\t.*//; s/^/lockstep-/' "$work/commands")
page lockstep 'data-parallel training of convolutional image classifiers' "$work/top" \
    "${all[@]}"
while IFS=$'\t' read -r command summary; do
    "$program" "$command" --help >"$work/help"
    {
        list "$work/help"
        list_optional "$work/help" "$command"
    } >"$work/parts"
    mapfile -t parts < <(sed "s/\t.*//; s/^/lockstep-$command-/" "$work/parts")
    page "lockstep-$command" "$summary" "$work/help" lockstep "${parts[@]}"
    while IFS=$'\t' read -r part text; do
        "$program" "$command" "$part" --help >"$work/help"
        page "lockstep-$command-$part" "$text" "$work/help" "lockstep-$command"
    done <"$work/parts"
done <"$work/commands"
