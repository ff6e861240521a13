# awk -f scripts/cycles.awk FILES: do the sources of a module call each other in cycles?
#
# One source depends on another one of its module if it names a function or a variable that
# the other one defines, itself or through a macro or an inline function of a header. Every
# cycle is reported with the names that make it, unless all of its files stand in one entry
# of the table below. -v edges=1 prints the dependencies instead: FILE FILE NAME.
#
# The sources are read, not the objects, so nothing has to be built. It relies on the house
# format: a definition begins in column one, and its braces stand there.

# Cycles that may stay: the files (below src/, without .c), and why. None in comm.
function allow_cycles()
{
    allow("base/fs base/log base/mem base/status",
          "errors are logged, the log allocates, a failed allocation is an error")
    allow("base/timer base/trace",
          "a timer's phases are spans of the trace, whose clock is the timer's")
    allow("io/h5array io/h5file", "closing a file forgets the arrays that are open in it")
}

function allow(files, why)
{
    allowed[++entries] = " " files " "
    reason[entries] = why
}

# Comments, strings and characters go.
function stripped(line,    out, at)
{
    if (comment) {
        at = index(line, "*/")
        if (!at)
            return ""
        line = substr(line, at + 2)
        comment = 0
    }
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
    gsub(/'([^'\\]|\\.)+'/, "0", line)
    gsub(/\/\*[^*]*\*+([^*\/][^*]*\*+)*\//, " ", line)
    sub(/\/\/.*/, "", line)
    at = index(line, "/*")
    if (at) {
        comment = 1
        line = substr(line, 1, at - 1)
    }
    return line
}

# All names in a text but types and members; key: a file, or a macro's or inline's name.
function use(key, text,    n, i, word)
{
    gsub(/(struct|enum|union)[ \t]+[A-Za-z_0-9]+/, " ", text)
    gsub(/(->|\.)[ \t]*[A-Za-z_][A-Za-z_0-9]*/, " ", text)
    gsub(/[^A-Za-z_0-9]+/, " ", text)
    n = split(text, word, " ")
    for (i = 1; i <= n; i++)
        if (word[i] ~ /^[A-Za-z_]/ && !((key, word[i]) in used)) {
            used[key, word[i]] = 1
            uses[key] = uses[key] " " word[i]
        }
}

function define(name)
{
    if (name != "" && !header)
        home[module, name] = file
}

# The name of the function whose head this is.
function function_name(head)
{
    sub(/[ \t]*\(.*/, "", head)
    sub(/.*[^A-Za-z_0-9]/, "", head)
    return head
}

# Variables of a declaration with its initialisers, "type a = {...}, b[3] = {...};".
function define_variables(text,    n, i, part)
{
    if (text ~ /^(extern|typedef)|(^|[^A-Za-z_0-9])static[ \t]/)
        return
    sub(/^(struct|enum|union)[ \t]*[A-Za-z_0-9]*[ \t]*\{.*\}[ \t]*;/, "", text)
    while (gsub(/\{[^{}]*\}/, " ", text) || gsub(/\([^()]*\)/, " ", text))
        continue
    n = split(text, part, ",")
    for (i = 1; i <= n; i++) {
        sub(/[ \t]*=.*|;.*/, "", part[i])
        gsub(/\[[^][]*\]|[ \t]+$/, "", part[i])
        sub(/.*[^A-Za-z_0-9]/, "", part[i])
        define(part[i])
    }
}

function start_of_file(    part, n)
{
    n = split(FILENAME, part, "/")
    module = part[2]
    header = FILENAME ~ /\.h$/
    file = FILENAME
    sub(/^src\//, "", file)
    sub(/\.c$/, "", file)
    comment = macro = head = inline = ""
    if (!header && !((module, file) in seen)) {
        seen[module, file] = 1
        modules[module] = modules[module] " " file
    }
}

FNR == 1 {
    start_of_file()
}

{
    line = stripped($0)
}

# A macro: to the last of the lines that end in a backslash.
macro != "" || line ~ /^[ \t]*#[ \t]*define/ {
    text = line
    if (macro == "") {
        sub(/^[ \t]*#[ \t]*define[ \t]+/, "", text)
        macro = text
        sub(/[^A-Za-z_0-9].*/, "", macro)
        sub(/^[A-Za-z_0-9]+(\([^)]*\))?/, "", text)
    }
    use(header ? "macro " macro : file, text)
    if (line !~ /\\$/)
        macro = ""
    next
}

line ~ /^[ \t]*#/ {
    next
}

{
    if (line ~ /^[A-Za-z_]/ && head == "" && !body) {
        head = line
    } else if (head != "" && line !~ /^\{/) {
        head = head " " line
    }
    if (!header)
        use(file, line)
    else if (inline != "")
        use("macro " inline, line)
}

# A function begins, or ends.
line ~ /^\{/ {
    if (head !~ /^static/)
        define(function_name(head))
    else if (header)
        inline = function_name(head)
    head = ""
    body = 1
}

line ~ /^\}/ && body {
    body = 0
    inline = ""
}

# A type, a prototype or a variable ends.
head != "" && line ~ /;[ \t]*$/ && (line ~ /^[A-Za-z_}]/ || head !~ /^[^=]*\{[^}]*$/) {
    if (head !~ /^static/ && (head ~ /=/ || head !~ /[({]/))
        define_variables(head)
    head = ""
}

# --- the graph ---

# All names that a key leads to, with those of macros and inline functions.
function resolve(key, from,    n, i, word)
{
    n = split(uses[key], word, " ")
    for (i = 1; i <= n; i++) {
        if ((from, word[i]) in resolved)
            continue
        resolved[from, word[i]] = 1
        if ((module, word[i]) in home && home[module, word[i]] != from &&
            !((from, home[module, word[i]]) in edge))
            edge[from, home[module, word[i]]] = word[i]
        if (("macro " word[i]) in uses)
            resolve("macro " word[i], from)
    }
}

function is_allowed(members,    e, n, i, name, all)
{
    n = split(members, name, " ")
    for (e = 1; e <= entries; e++) {
        all = 1
        for (i = 1; i <= n; i++)
            all = all && index(allowed[e], " " name[i] " ")
        if (all) {
            needed[e] = 1
            return 1
        }
    }
    return 0
}

# Files that reach each other.
function report(    n, name, i, j, k, members, lines)
{
    n = split(modules[module], name, " ")
    for (i = 1; i <= n; i++)
        resolve(name[i], name[i])
    for (i = 1; i <= n; i++)
        for (j = 1; j <= n; j++)
            if ((name[i], name[j]) in edge) {
                reach[i, j] = 1
                if (edges)
                    print name[i], name[j], edge[name[i], name[j]]
            }
    for (k = 1; k <= n; k++)
        for (i = 1; i <= n; i++)
            if ((i, k) in reach)
                for (j = 1; j <= n; j++)
                    if ((k, j) in reach)
                        reach[i, j] = 1
    for (i = 1; i <= n; i++) {
        if (!((i, i) in reach) || name[i] in told)
            continue
        members = lines = ""
        for (j = 1; j <= n; j++)
            if (((i, j) in reach) && ((j, i) in reach)) {
                members = members " " name[j]
                told[name[j]] = 1
                for (k = 1; k <= n; k++)
                    if (((name[j], name[k]) in edge) && ((k, i) in reach))
                        lines = lines "    " name[j] " uses " name[k] ": " \
                                edge[name[j], name[k]] "\n"
            }
        if (!edges && !is_allowed(members)) {
            printf "src/%s: files that use each other:%s\n%s", module, members, lines
            bad = 1
        }
    }
    for (i in reach)
        delete reach[i]
}

END {
    allow_cycles()
    for (module in modules)
        report()
    for (e = 1; e <= entries && !edges; e++)
        if (!(e in needed))
            print "warning: scripts/cycles.awk allows a cycle that is gone:" allowed[e]
    exit bad
}
