/* Finds pictures that are in an import more than once. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "data/import_treatment.h"
#include "import_labels.h"
#include "import_survey.h"

#define TWINS_TOLD 5 /* pairs that are named */

void import_twins_release(struct import_twins *twins)
{
    free(twins->member);
    free(twins->begin);
    *twins = (struct import_twins){0};
}

struct twin_key {
    uint64_t hash;
    size_t index;
};

static int twin_by_hash(const void *a, const void *b)
{
    const struct twin_key *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool twin_same(const struct image *a, const struct image *b)
{
    return a->h == b->h && a->w == b->w && a->c == b->c &&
           memcmp(a->pixel, b->pixel, (size_t)a->h * (size_t)a->w * (size_t)a->c) == 0;
}

/* Adds those of key[0..n), which have one hash, that equal the first one. */
static enum status twin_add(struct import_twins *twins, const struct import_set *set,
                            const struct image_options *reader,
                            const struct twin_key *key, size_t n)
{
    struct image first, other;
    size_t begin = twins->begin[twins->count], end = begin;
    TRY(import_load(set, key[0].index, reader, &first, NULL));
    twins->member[end++] = key[0].index;
    for (size_t i = 1; i < n; i++) {
        enum status st = import_load(set, key[i].index, reader, &other, NULL);
        if (st != ST_OK) {
            import_unload(set, &first);
            return st;
        }
        if (twin_same(&first, &other))
            twins->member[end++] = key[i].index;
        import_unload(set, &other);
    }
    import_unload(set, &first);
    if (end - begin > 1)
        twins->begin[++twins->count] = end;
    return ST_OK;
}

enum status import_twins_find(struct import_twins *twins, const struct import_set *set,
                              const struct import_options *options)
{
    struct image_options reader = treatment_reader(&options->treatment, NULL);
    struct twin_key *key = mem_zeroed(set->count + 1, sizeof *key);
    size_t n = 0;
    enum status st = ST_OK;
    *twins = (struct import_twins){.member = mem_zeroed(set->count + 1, sizeof(size_t)),
                                   .begin = mem_zeroed(set->count + 1, sizeof(size_t))};
    for (size_t i = 0; i < set->count; i++)
        if (!set->picture[i].reason)
            key[n++] = (struct twin_key){set->picture[i].hash, i};
    qsort(key, n, sizeof *key, twin_by_hash);
    for (size_t i = 0, end; i < n && st == ST_OK; i = end) {
        for (end = i + 1; end < n && key[end].hash == key[i].hash; end++)
            ;
        if (end - i > 1)
            st = twin_add(twins, set, &reader, key + i, end - i);
    }
    free(key);
    if (st != ST_OK)
        import_twins_release(twins);
    return st;
}

/* DATASET_TEST is the greatest, IMPORT_SPLIT_OPEN the least. */
static size_t twin_to_keep(const struct import_twins *twins, const struct import_set *set,
                           size_t t)
{
    size_t keep = twins->member[twins->begin[t]];
    for (size_t m = twins->begin[t] + 1; m < twins->begin[t + 1]; m++)
        if (set->picture[twins->member[m]].split > set->picture[keep].split)
            keep = twins->member[m];
    return keep;
}

void import_twins_drop(const struct import_twins *twins, struct import_set *set)
{
    for (size_t t = 0; t < twins->count; t++) {
        size_t keep = twin_to_keep(twins, set, t);
        for (size_t m = twins->begin[t]; m < twins->begin[t + 1]; m++) {
            struct import_picture *picture = &set->picture[twins->member[m]];
            if (twins->member[m] != keep)
                picture->reason =
                    mem_format("the same picture as '%s'", set->picture[keep].path);
        }
    }
}

/* The first member of t that differs from the first of all by the given field, or NULL.
 */
static const struct import_picture *twin_other(const struct import_twins *twins,
                                               const struct import_set *set, size_t t,
                                               bool by_split)
{
    const struct import_picture *first = &set->picture[twins->member[twins->begin[t]]];
    for (size_t m = twins->begin[t] + 1; m < twins->begin[t + 1]; m++) {
        const struct import_picture *other = &set->picture[twins->member[m]];
        if (by_split ? other->split != first->split
                     : !import_labels_equal(set, other, first))
            return other;
    }
    return NULL;
}

/* The caller frees. */
static char *twin_word(const struct import_set *set, const struct import_picture *picture,
                       bool split)
{
    return split ? mem_strdup(dataset_split_name[picture->split])
                 : import_labels_text(set, picture);
}

static void twin_tell(const struct import_set *set, const struct import_picture *first,
                      const struct import_picture *other, bool by_split)
{
    char *one = twin_word(set, first, by_split), *two = twin_word(set, other, by_split);
    log_note("the same picture %s: '%s' (%s) and '%s' (%s)",
             by_split ? "is in two splits" : "has two labels", first->path, one,
             other->path, two);
    free(one);
    free(two);
}

static void twin_report(const struct import_twins *twins, const struct import_set *set,
                        bool by_split)
{
    size_t found = 0;
    for (size_t t = 0; t < twins->count; t++) {
        const struct import_picture *other = twin_other(twins, set, t, by_split);
        const struct import_picture *first =
            &set->picture[twins->member[twins->begin[t]]];
        if (!other)
            continue;
        if (found++ < TWINS_TOLD)
            twin_tell(set, first, other, by_split);
    }
    if (found > 0 && by_split)
        log_note("%zu picture%s in more than one split: what is measured on them is too "
                 "good; --dedupe keeps one of each",
                 found, found == 1 ? " is" : "s are");
    else if (found > TWINS_TOLD)
        log_note("... and %zu more have two labels", found - TWINS_TOLD);
}

void import_twins_report(const struct import_twins *twins, const struct import_set *set)
{
    twin_report(twins, set, false);
    bool dropped = twins->count > 0 && set->picture[twins->member[0]].reason;
    dropped = dropped || (twins->count > 0 && set->picture[twins->member[1]].reason);
    if (!dropped)
        twin_report(twins, set, true);
    size_t copies = twins->begin[twins->count] - twins->count;
    if (copies > 0)
        log_note("%zu picture%s of others%s", copies,
                 copies == 1 ? " is a copy" : "s are copies",
                 dropped ? ": left out" : "");
}
