/* dataset: labels, one for each image or a set for each. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/label_set.h"
#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

size_t dataset_labels_bytes(const struct dataset_info *info, size_t n)
{
    return n * (info->multi_label ? label_set_bytes(info->classes) : sizeof(uint16_t));
}

struct dataset_labels dataset_labels_in(const struct dataset_info *info, void *memory)
{
    if (!info->multi_label)
        return (struct dataset_labels){.one = memory};
    return (struct dataset_labels){.set = memory,
                                   .set_bytes = label_set_bytes(info->classes)};
}

struct dataset_labels dataset_labels_create(const struct dataset_info *info, size_t n)
{
    return dataset_labels_in(info, mem_zeroed(dataset_labels_bytes(info, n), 1));
}

void dataset_labels_release(struct dataset_labels *labels)
{
    free(labels->one);
    free(labels->set);
    *labels = (struct dataset_labels){0};
}

struct dataset_labels dataset_labels_from(struct dataset_labels labels, size_t i)
{
    if (labels.one)
        labels.one += i;
    else if (labels.set)
        labels.set += i * labels.set_bytes;
    return labels;
}

int dataset_labels_next(const struct dataset_labels *labels, size_t i, int classes,
                        int from)
{
    if (labels->one)
        return labels->one[i] >= from && labels->one[i] < classes ? labels->one[i] : -1;
    return label_set_next(labels->set + i * labels->set_bytes, classes, from);
}

/* Refuses labels out of range: callers index arrays of `classes` elements by label. */
static enum status labels_check(const struct dataset_info *info, const char *name,
                                const char *path, size_t first, size_t n,
                                struct dataset_labels labels)
{
    for (size_t i = 0; i < n && labels.one; i++)
        if (labels.one[i] >= info->classes)
            FAIL(ST_FAIL,
                 "label %d at '%s' row %zu of '%s' is out of range: the data set has %d "
                 "classes",
                 labels.one[i], name, first + i, path, info->classes);
    int spare = 8 * (int)labels.set_bytes - info->classes;
    for (size_t i = 0; i < n && labels.set; i++)
        if (labels.set[(i + 1) * labels.set_bytes - 1] >> (8 - spare))
            FAIL(ST_FAIL,
                 "the labels at '%s' row %zu of '%s' are out of range: the data set has "
                 "%d classes",
                 name, first + i, path, info->classes);
    return ST_OK;
}

enum status dataset_labels_read(struct h5file *file, const struct dataset_info *info,
                                enum dataset_split split, size_t first, size_t n,
                                struct dataset_labels labels)
{
    const char *name = dataset_labels_name[split];
    if (labels.one)
        TRY(h5file_read_rows(file, name, H5FILE_U16, first, n, 1, labels.one));
    else
        TRY(h5file_read_rows(file, name, H5FILE_U8, first, n, labels.set_bytes,
                             labels.set));
    return labels_check(info, name, h5file_path(file), first, n, labels);
}

enum status dataset_read_labels(const struct dataset_info *info, enum dataset_split split,
                                size_t first, size_t n, struct dataset_labels *labels)
{
    struct h5file *file;
    *labels = (struct dataset_labels){0};
    TRY(h5file_open(&file, info->path));
    *labels = dataset_labels_create(info, n);
    enum status st = dataset_labels_read(file, info, split, first, n, *labels);
    h5file_close(file);
    if (st != ST_OK)
        dataset_labels_release(labels);
    return st;
}

uint64_t dataset_labels_key(struct dataset_labels labels, size_t i)
{
    if (labels.one)
        return labels.one[i];
    return hash_bytes(labels.set + i * labels.set_bytes, labels.set_bytes, 0);
}

/* --- strata --- */

int *dataset_labels_strata(const struct dataset_info *info, struct dataset_labels labels,
                           size_t n)
{
    int classes = info->classes;
    int *stratum = mem_zeroed(n, sizeof *stratum);
    size_t *count = mem_zeroed((size_t)classes, sizeof *count);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; (c = dataset_labels_next(&labels, i, classes, c)) >= 0; c++)
            count[c]++;
    for (size_t i = 0; i < n; i++) {
        stratum[i] = classes;
        for (int c = 0; (c = dataset_labels_next(&labels, i, classes, c)) >= 0; c++)
            if (stratum[i] == classes || count[c] < count[stratum[i]])
                stratum[i] = c;
    }
    free(count);
    return stratum;
}
