/* Decodes the pictures of an import once more, and writes them to the data set. */
#include <stdlib.h>
#include <string.h>

#include "base/label_set.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/dataset_writer.h"
#include "data/import_treatment.h"
#include "import_labels.h"
#include "import_queue.h"
#include "import_survey.h"

struct import_store_pass {
    const struct import_set *set;
    const struct import_options *options;
    struct dataset_writer *writer;
    uint8_t *labels; /* owned: room for a picture's (base/label_set.h) */
};

struct import_store_slot {
    bool read;
    uint8_t *file;    /* owned; NULL if pixels are stored */
    size_t bytes;     /* of the file */
    uint8_t pixels[]; /* (h, w, c) */
};

static void import_store_drop(void *context)
{
    struct import_store_slot *slot = context;
    free(slot->file);
    slot->file = NULL;
}

/* Images of tables are in memory; pictures are read and decoded. */
static enum status import_store_read(const struct import_store_pass *pass, size_t i,
                                     struct import_store_slot *slot)
{
    const struct import_options *options = pass->options;
    const struct shape shape = {options->h, options->w, options->channels};
    struct image image;
    char path[FS_PATH];
    if (pass->set->memory) {
        TRY(import_load(pass->set, i, NULL, &image, NULL));
        treatment_apply(&options->treatment, &image, shape, slot->pixels);
        import_unload(pass->set, &image);
        return ST_OK;
    }
    TRY(import_path(pass->set, &pass->set->picture[i], path));
    TRY(image_load(path, &slot->file, &slot->bytes));
    return treatment_decode(&options->treatment, slot->file, slot->bytes, path, shape,
                            slot->pixels);
}

static void import_store_work(void *context, size_t i, void *result)
{
    const struct import_store_pass *pass = context;
    struct import_store_slot *slot = result;
    char text[STATUS_TEXT];
    if (pass->set->picture[i].reason)
        return;
    status_capture(text);
    slot->read = import_store_read(pass, i, slot) == ST_OK;
    status_capture(NULL);
    if (!slot->read || pass->options->store != IMPORT_STORE_ENCODED)
        import_store_drop(slot);
}

/* Tells why a picture that was read in the survey cannot be read again: a thread of the
   queue has no place for the reason. */
static enum status import_store_fail(const struct import_store_pass *pass, size_t i,
                                     struct import_store_slot *slot)
{
    char text[STATUS_TEXT];
    import_store_drop(slot);
    status_capture(text);
    enum status st = import_store_read(pass, i, slot);
    status_capture(NULL);
    import_store_drop(slot);
    if (st != ST_OK)
        FAIL(ST_FAIL, "%s; it could be read a moment ago; nothing was written", text);
    FAIL(ST_FAIL, "'%s' could not be read for a moment; nothing was written",
         pass->set->picture[i].path);
}

/* Of picture i of a multi-label set, in pass->labels; NULL of another. */
static const uint8_t *import_store_labels(const struct import_store_pass *pass, size_t i)
{
    int count;
    const int *class = import_labels_of(pass->set, &pass->set->picture[i], &count);
    if (!pass->set->multi_label)
        return NULL;
    memset(pass->labels, 0, label_set_bytes(pass->set->classes));
    for (int k = 0; k < count; k++)
        label_set_add(pass->labels, class[k]);
    return pass->labels;
}

static enum status import_store_take(void *context, size_t i, void *result)
{
    const struct import_store_pass *pass = context;
    const struct import_picture *picture = &pass->set->picture[i];
    struct import_store_slot *slot = result;
    if (picture->reason)
        return ST_OK;
    if (!slot->read)
        return import_store_fail(pass, i, slot);
    if (i % 1024 == 0)
        log_progress("writing picture %zu of %zu", i, pass->set->count);
    const struct dataset_item item = {.pixels = slot->pixels,
                                      .label = picture->class,
                                      .set = import_store_labels(pass, i),
                                      .path = pass->set->memory ? NULL : picture->path,
                                      .file = slot->file,
                                      .bytes = slot->bytes};
    enum status st = dataset_writer_put(pass->writer, picture->split, &item);
    if (st == ST_OK && pass->set->weighted)
        dataset_writer_weigh(pass->writer, picture->split, picture->weight);
    import_store_drop(slot);
    return st;
}

static void import_store_count_bytes(const struct import_set *set,
                                     struct dataset_recipe *recipe)
{
    for (int s = 0; s < DATASET_SPLITS; s++)
        recipe->most[s] = set->total[s];
    for (size_t i = 0; i < set->count; i++)
        if (!set->picture[i].reason)
            recipe->bytes[set->picture[i].split] += set->picture[i].bytes;
}

enum status import_store_images(const struct import_set *set, const char *out,
                                const struct import_options *options)
{
    struct dataset_recipe recipe = {.shape = {options->h, options->w, options->channels},
                                    .classes = set->classes,
                                    .class_name = set->class_name,
                                    .source = set->source,
                                    .multi_label = set->multi_label,
                                    .encoded = options->store == IMPORT_STORE_ENCODED,
                                    .treatment = options->treatment};
    struct import_store_pass pass = {.set = set, .options = options};
    const struct import_queue_job job = {
        .count = set->count,
        .threads = options->threads,
        .slot_bytes = /* slots follow each other: whole words */
        (sizeof(struct import_store_slot) + dataset_image_bytes(recipe.shape) + 15) / 16 *
        16,
        .work = import_store_work,
        .take = import_store_take,
        .drop = import_store_drop,
        .context = &pass,
    };
    import_store_count_bytes(set, &recipe);
    TRY(dataset_writer_open(&pass.writer, out, &recipe));
    pass.labels = mem_zeroed(label_set_bytes(set->classes), 1);
    enum status st = import_queue_run(&job);
    free(pass.labels);
    if (st == ST_OK)
        return dataset_writer_finish(pass.writer, options->allow_empty);
    dataset_writer_abandon(pass.writer);
    return st;
}
