# awk -f scripts/limits.awk FILES: which of the soft limits are passed? A source has up to
# 400 lines, a header 150, a line 90 columns, a function 60 lines and 7 parameters.
# Functions are told by the house format: a definition's braces stand in column one.

# Characters, not bytes: bytes that go on with a UTF-8 character do not count.
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
