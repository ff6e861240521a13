#include "out.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "io/h5file.h"

enum status out_check(const char *path, const char *format, const char *whose)
{
    struct h5file *file;
    char *found = NULL;
    if (fs_is_folder(path))
        FAIL(ST_USAGE, "'--out %s' is a folder", path);
    if (!fs_is_file(path)) {
        if (access(path, F_OK) == 0)
            FAIL(ST_USAGE, "'--out %s' is not a regular file and is not replaced", path);
        enum status st = h5file_create(&file, path); /* leaves nothing */
        if (st == ST_OK)
            h5file_close(file);
        return st;
    }
    TRY(h5file_open(&file, path));
    bool ours = h5file_has_attr(file, "/", "format") &&
                h5file_get_text(file, "/", "format", &found) == ST_OK &&
                strcmp(found, format) == 0;
    h5file_close(file);
    free(found);
    if (!ours)
        FAIL(ST_USAGE, "'%s' is not a file of %s and is not overwritten", path, whose);
    return fs_check_write(path);
}
