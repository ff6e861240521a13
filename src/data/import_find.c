/* What a path holds, as a set that can be imported. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/dataset_writer.h"
#include "data/import_pictures.h"
#include "import_impl.h"
#include "import_set.h"
#include "io/stream.h"

#define FIND_LIST_BYTES ((size_t)1 << 30) /* of a list, at most */

static enum status find_list(struct import_set *set, const char *path,
                             enum import_label label)
{
    char *text;
    size_t bytes;
    TRY(stream_read_text(path, FIND_LIST_BYTES, &text, &bytes));
    enum status st = ST_OK;
    if (strlen(text) != bytes)
        st = status_fail(ST_FAIL, "'%s' is no text: a byte is 0", path);
    if (st == ST_OK)
        st = import_list(set, path, label, text);
    free(text);
    return st;
}

enum status import_find(struct import_set **set, const char *path, enum import_kind kind,
                        enum import_label label)
{
    if (kind == IMPORT_FOLDER && label == IMPORT_LABEL_SETS)
        FAIL(
            ST_USAGE,
            "'%s' is a folder, whose pictures have one class each: pictures with several "
            "classes come in a list",
            path);
    *set = mem_zeroed(1, sizeof **set);
    enum status st =
        kind == IMPORT_FOLDER ? import_scan(*set, path) : find_list(*set, path, label);
    if (st == ST_OK) {
        (*set)->source = mem_format(kind == IMPORT_LIST ? "list %s" : "folder %s",
                                    import_basename(path));
        (*set)->input = mem_strdup(path);
        (*set)->in_file = kind == IMPORT_LIST;
        return ST_OK;
    }
    free(*set);
    *set = NULL;
    return st;
}

/* Paths of `from` become absolute, for the set's root is another folder. */
static enum status find_take_test(struct import_set *set, const struct import_set *from)
{
    char *root = realpath(from->root, NULL);
    if (!root)
        FAIL(ST_FAIL, "cannot read '%s': %s", from->root, strerror(errno));
    for (int c = 0; c < from->classes; c++)
        import_set_class(set, from->class_name[c]); /* also those without pictures */
    for (size_t i = 0; i < from->count; i++) {
        const struct import_picture *picture = &from->picture[i];
        import_set_add(set, mem_format("%s/%s", root, picture->path),
                       import_set_class(set, from->class_name[picture->class]),
                       DATASET_TEST);
    }
    free(root);
    set->passed.droppings += from->passed.droppings;
    set->passed.others += from->passed.others;
    set->passed.loops += from->passed.loops;
    if (!set->passed.hollow && from->passed.hollow)
        set->passed.hollow = mem_strdup(from->passed.hollow);
    return ST_OK;
}

static enum status find_test(struct import_set *set, const char *folder)
{
    struct import_set test = {0};
    if (set->splits_given[DATASET_TEST])
        FAIL(ST_USAGE, "'%s' has test pictures: --test-dir makes no sense", set->root);
    for (size_t i = 0; i < set->count; i++)
        if (set->picture[i].split == IMPORT_SPLIT_OPEN)
            set->picture[i].split = DATASET_TRAIN;
    TRY(import_scan(&test, folder));
    enum status st = test.count > 0
                         ? find_take_test(set, &test)
                         : status_fail(ST_FAIL, "'%s' holds no test pictures", folder);
    import_set_release(&test);
    return st;
}

enum status import_find_folders(struct import_set **set, const char *path,
                                const char *test)
{
    TRY(import_find(set, path, IMPORT_FOLDER, IMPORT_LABEL_AUTO));
    enum status st = find_test(*set, test);
    if (st == ST_OK)
        return ST_OK;
    import_set_free(*set);
    *set = NULL;
    return st;
}

struct import_set *import_find_table(const struct dataset_builder *builder,
                                     const char *path)
{
    struct import_set *set = mem_zeroed(1, sizeof *set);
    bool divided = builder->count[DATASET_VAL] + builder->count[DATASET_TEST] > 0;
    set->root = mem_strdup(builder->source); /* for messages */
    set->source = mem_strdup(builder->source);
    set->input = mem_strdup(path);
    set->memory = builder;
    set->in_file = true;
    set->classes = builder->classes;
    set->class_name = mem_zeroed((size_t)set->classes, sizeof *set->class_name);
    for (int c = 0; c < set->classes; c++)
        set->class_name[c] = mem_strdup(builder->class_name[c]);
    for (int s = 0; s < DATASET_SPLITS; s++)
        for (size_t i = 0; i < builder->count[s]; i++)
            import_set_add(set,
                           divided ? mem_format("%s image %zu", dataset_split_name[s], i)
                                   : mem_format("image %zu", i),
                           builder->labels[s][i], divided ? s : IMPORT_SPLIT_OPEN);
    return set;
}

void import_set_free(struct import_set *set)
{
    if (!set)
        return;
    import_set_release(set);
    free(set);
}
