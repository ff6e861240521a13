/* Decodes the pictures of an import once more, and writes them to the data set. */
#include <stdlib.h>

#include "base/log.h"
#include "data/dataset_writer.h"
#include "data/import_treatment.h"
#include "import_queue.h"
#include "import_survey.h"

struct write_pass {
    const struct import_set *set;
    const struct import_options *options;
    struct dataset_writer *writer;
};

struct write_slot {
    bool read;
    uint8_t *file;    /* owned; NULL if pixels are stored */
    size_t bytes;     /* of the file */
    uint8_t pixels[]; /* (h, w, c) */
};

static void write_drop(void *context)
{
    struct write_slot *slot = context;
    free(slot->file);
    slot->file = NULL;
}

static void write_work(void *context, size_t i, void *result)
{
    const struct write_pass *pass = context;
    const struct import_options *options = pass->options;
    const struct shape shape = {options->h, options->w, options->channels};
    struct write_slot *slot = result;
    char path[FS_PATH], text[STATUS_TEXT];
    if (pass->set->picture[i].reason)
        return;
    status_capture(text);
    enum status st = import_path(pass->set, &pass->set->picture[i], path);
    if (st == ST_OK)
        st = image_load(path, &slot->file, &slot->bytes);
    if (st == ST_OK)
        st = treatment_decode(&options->treatment, slot->file, slot->bytes, path, shape,
                              slot->pixels);
    status_capture(NULL);
    slot->read = st == ST_OK;
    if (!slot->read || options->store != IMPORT_STORE_ENCODED)
        write_drop(slot);
}

static enum status write_take(void *context, size_t i, void *result)
{
    const struct write_pass *pass = context;
    const struct import_picture *picture = &pass->set->picture[i];
    struct write_slot *slot = result;
    if (picture->reason)
        return ST_OK;
    if (!slot->read)
        FAIL(ST_FAIL,
             "'%s' can no longer be read: it was changed during the import; nothing was "
             "written",
             picture->path);
    if (i % 1024 == 0)
        log_progress("writing picture %zu of %zu", i, pass->set->count);
    const struct dataset_item item = {.pixels = slot->pixels,
                                      .label = picture->class,
                                      .path = picture->path,
                                      .file = slot->file,
                                      .bytes = slot->bytes};
    enum status st = dataset_writer_put(pass->writer, picture->split, &item);
    write_drop(slot);
    return st;
}

static void write_count_bytes(const struct import_set *set, struct dataset_recipe *recipe)
{
    for (int s = 0; s < DATASET_SPLITS; s++)
        for (int c = 0; c < set->classes; c++)
            recipe->most[s] += set->per_class[s][c];
    for (size_t i = 0; i < set->count; i++)
        if (!set->picture[i].reason)
            recipe->bytes[set->picture[i].split] += set->picture[i].bytes;
}

enum status import_write(const struct import_set *set, const char *source,
                         const char *out, const struct import_options *options)
{
    struct dataset_recipe recipe = {.shape = {options->h, options->w, options->channels},
                                    .classes = set->classes,
                                    .class_name = set->class_name,
                                    .source = source,
                                    .encoded = options->store == IMPORT_STORE_ENCODED,
                                    .treatment = options->treatment};
    struct write_pass pass = {.set = set, .options = options};
    const struct import_queue_job job = {
        .count = set->count,
        .threads = options->threads,
        .slot_bytes = /* slots follow each other: whole words */
        (sizeof(struct write_slot) + dataset_image_bytes(recipe.shape) + 15) / 16 * 16,
        .work = write_work,
        .take = write_take,
        .drop = write_drop,
        .context = &pass,
    };
    write_count_bytes(set, &recipe);
    TRY(dataset_writer_open(&pass.writer, out, &recipe));
    enum status st = import_queue_run(&job);
    if (st == ST_OK)
        return dataset_writer_finish(pass.writer, options->allow_empty);
    dataset_writer_abandon(pass.writer);
    return st;
}
