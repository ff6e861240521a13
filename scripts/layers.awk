# awk -f scripts/layers.awk FILES: prints where the sources break the order of levels. Run it
# in the top folder of the source tree. The table BELOW_* in the Makefile says what a level
# may include; each outside library has one home; each public header has its guard.

function wrong(line, what)
{
    print file ":" line ": " what
    bad = 1
}

function home(header)
{
    if (header ~ /^mpi/) return "comm"
    if (header ~ /^(hdf5|H5|png|zlib|zip|jansson|jpeglib|jerror|webp|tiff|protobuf-c)/) return "io"
    if (header ~ /\.pb-c\.h$/) return "io"
    if (header ~ /^(uninorm|unistr|unictype)/) return "io"
    if (header ~ /^(cblas|openblas|lapack|omp|hwloc)/) return "kernels"
    if (header ~ /intrin\.h$|^arm_/) return "kernels"
    if (header ~ /^xxh/) return "base"
    return ""
}

function read_table(    line, word, n, i, module)
{
    while ((getline line < "Makefile") > 0) {
        if (line !~ /^BELOW_[a-z]+ *:=/)
            continue
        n = split(line, word, /[ \t:=]+/)
        module = substr(word[1], 7)
        for (i = 2; i <= n; i++) {
            may[module, word[i]] = 1
            below[module] = below[module] " " word[i]
        }
    }
}

function exists(path,    line, found)
{
    found = (getline line < path) >= 0
    close(path)
    return found
}

function end_of_file()
{
    if (guard != "" && guarded != 2)
        wrong(1, "no include guard " guard)
}

function start_of_file(    part, n)
{
    file = FILENAME
    n = split(file, part, "/")
    module = part[2]
    folder = substr(file, 1, length(file) - length(part[n]))
    guard = ""
    guarded = 0
    if (part[1] == "include") {
        guard = toupper("LOCKSTEP_" substr(file, 9))
        gsub(/[^A-Z0-9]/, "_", guard)
    }
    if (!(module in below))
        wrong(1, "the Makefile has no BELOW_" module)
}

BEGIN {
    read_table()
}

FNR == 1 {
    end_of_file()
    start_of_file()
}

/^#(ifndef|define)/ && $2 == guard {
    guarded++
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    name = quoted[2]
    if (split(name, part, "/") == 1) {
        if (!exists(folder name))
            wrong(FNR, "no '" name "' beside this file: write MODULE/NAME.h")
    } else if (!((module, part[1]) in may)) {
        wrong(FNR, module " may not include '" name "', only" below[module])
    }
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    split($0, quoted, /[<>]/)
    if (home(quoted[2]) != "" && home(quoted[2]) != module)
        wrong(FNR, "<" quoted[2] "> belongs to " home(quoted[2]) " alone")
}

(/^[ \t]*#[ \t]*pragma[ \t]+omp/ || /_Pragma\("omp/) && module != "kernels" {
    wrong(FNR, "OpenMP belongs to kernels alone")
}

END {
    end_of_file()
    exit bad
}
