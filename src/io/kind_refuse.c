#include <stdio.h>

#include "io/h5file.h"
#include "io/kind.h"

/* Which HDF5 file of lockstep it is, by the groups that docs/files.md names. */
static void kind_refine_hdf5(const char *path, struct kind *kind)
{
    struct h5file *file;
    char text[STATUS_TEXT];
    const char *words = "an HDF5 file";
    status_capture(text);
    enum status st = h5file_open(&file, path);
    status_capture(NULL);
    if (st != ST_OK)
        words = "a damaged HDF5 file";
    else if (h5file_has(file, "/train/images"))
        words = "a data set";
    else if (h5file_has(file, "/weights"))
        words = "a checkpoint";
    if (st == ST_OK)
        h5file_close(file);
    snprintf(kind->words, sizeof kind->words, "%s", words);
}

enum status kind_refuse(const char *path, const char *expected)
{
    struct kind kind;
    TRY(kind_of_file(path, &kind));
    if (kind.class == KIND_HDF5)
        kind_refine_hdf5(path, &kind);
    return kind_refuse_as(&kind, path, expected);
}
