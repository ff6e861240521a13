# awk -f scripts/limits.awk FILES: prints where the soft limits are exceeded. A source has at
# most 400 lines, a header 150, a line 90 columns, a function 60 lines and 7 parameters.
# Functions are recognised by the house format: their braces are in column one.

# Counts characters, not bytes: continuation bytes of UTF-8 are removed.
function columns(line)
{
    gsub(/[\200-\277]/, "", line)
    return length(line)
}

function end_of_file(    limit)
{
    limit = file ~ /\.h$/ ? 150 : 400
    if (lines > limit)
        print file ": " lines " lines (" limit ")"
    if (wide)
        print file ":" widest ": " wide " lines beyond 90 columns, the widest here"
}

FNR == 1 {
    end_of_file()
    file = FILENAME
    head = ""
    wide = most = 0
}

{
    lines = FNR
}

length($0) > 90 && columns($0) > 90 {
    wide++
    if (columns($0) > most) {
        most = columns($0)
        widest = FNR
    }
}

/^[A-Za-z_].*\(/ {
    head = ""
    start = FNR
}

/^[A-Za-z_ ]/ {
    head = head $0
}

/^\{/ && head ~ /\)[^;=]*$/ {
    body = FNR
    if (gsub(/,/, ",", head) > 6)
        print file ":" start ": a function of " gsub(/,/, ",", head) + 1 " parameters (7)"
}

/^}/ {
    if (body && FNR - start + 1 > 60)
        print file ":" start ": a function of " FNR - start + 1 " lines (60)"
    body = 0
    head = ""
}

END {
    end_of_file()
}
