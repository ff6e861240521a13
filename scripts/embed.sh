#!/bin/bash
# embed.sh FILE...: prints C that holds the texts of the files, by their names without folder
# and .conf, as src/nn/named_network_text.h declares them.
set -eu
echo '#include "named_network_text.h"'
echo
echo '#include <stddef.h>'
echo
echo 'const struct named_network_file named_network_files[] = {'
for file; do
    printf '    {"%s",\n' "$(basename "$file" .conf)"
    sed 's/[\\"]/\\&/g; s/.*/     "&\\n"/' "$file"
    echo '    },'
done
echo '    {NULL, NULL},'
echo '};'
