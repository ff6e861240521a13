# awk -f scripts/names.awk FILES: prints file-local names that two .c files define: static
# functions, types and macros. A debugger or a tags file cannot tell them apart.

function define(name)
{
    if (name in home && home[name] != FILENAME) {
        print FILENAME ":" FNR ": " name " is also defined in " home[name] \
            ": put the file's subject in front of the name"
        bad = 1
    }
    home[name] = FILENAME
}

FILENAME !~ /\.c$/ {
    next
}

# The name is what stands before the first parenthesis; a variable has = or [ before it.
/^static .*[A-Za-z0-9_]\(/ {
    head = substr($0, 1, index($0, "(") - 1)
    n = split(head, word, /[ *]+/)
    if (head !~ /[=[]/ && word[n] != "")
        define(word[n] "()")
}

/^(struct|union|enum) [A-Za-z0-9_]+ {/ {
    define($1 " " $2)
}

/^# *define [A-Za-z]/ {
    sub(/^# *define /, "")
    sub(/[^A-Za-z0-9_].*/, "")
    define($0)
}

END {
    exit bad
}
