#include <stdio.h>
#include <string.h>

#include "io/h5file.h"
#include "io/kind.h"

/* By the objects that docs/files.md names; the first that is there counts. */
static const struct kind_h5 {
    const char *object, *words;
} kind_h5[] = {
    {"/train/labels", "a data set"},
    {"/train/images", "a data set"},
    {"/weights", "a checkpoint"},
    {"/metrics", "the metrics of a run"},
    {"/logprobs", "a file of predictions"},
    {"/probabilities", "a file of predictions"},
    {"/strong", "a plan"},
    {"/subjects", "a file of the laboratory"},
    {"/features", "a file of kept features"},
};

const char *kind_of_h5(struct h5file *file)
{
    for (size_t i = 0; i < sizeof kind_h5 / sizeof *kind_h5; i++)
        if (h5file_has(file, kind_h5[i].object))
            return kind_h5[i].words;
    return "an HDF5 file";
}

void kind_refine(struct kind *kind, const char *path)
{
    struct h5file *file;
    char text[STATUS_TEXT];
    const char *words = "a damaged HDF5 file";
    if (kind->class != KIND_HDF5)
        return;
    status_capture(text);
    enum status st = h5file_open(&file, path);
    status_capture(NULL);
    if (st == ST_OK)
        words = kind_of_h5(file);
    if (st == ST_OK)
        h5file_close(file);
    snprintf(kind->words, sizeof kind->words, "%s", words);
}

bool kind_is_known(const struct kind *kind)
{
    for (size_t i = 0; i < sizeof kind_h5 / sizeof *kind_h5; i++)
        if (strcmp(kind->words, kind_h5[i].words) == 0)
            return true;
    return false;
}

enum status kind_refuse(const char *path, const char *expected)
{
    struct kind kind;
    TRY(kind_of_file(path, &kind));
    kind_refine(&kind, path);
    return kind_refuse_as(&kind, path, expected);
}
