/* predictions: the journal's rows as arrays of an HDF5 file, a slab of rows at a time. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/h5file.h"
#include "predictions_impl.h"

#define SLAB_ROWS 1024

static const char *h5_error(const struct predictions_row *row)
{
    return row->error ? row->error : "";
}

/* --- the texts of all rows, one after the other --- */

struct h5_texts {
    struct h5file *file;
    const char *name;
    size_t bytes, written; /* of all; so far */
    char *slab;            /* owned */
    size_t used, room;
};

static enum status h5_texts_flush(struct h5_texts *texts)
{
    if (texts->used > 0)
        TRY(h5file_write_rows(texts->file, texts->name, H5FILE_U8, texts->written,
                              texts->used, 1, texts->slab));
    texts->written += texts->used;
    texts->used = 0;
    return ST_OK;
}

static void h5_texts_add(struct h5_texts *texts, const char *text)
{
    size_t bytes = strlen(text) + 1;
    if (texts->used + bytes > texts->room) {
        texts->room = 2 * (texts->used + bytes);
        texts->slab = mem_resize(texts->slab, texts->room, 1);
    }
    memcpy(texts->slab + texts->used, text, bytes);
    texts->used += bytes;
}

/* --- the file --- */

struct h5_slab {
    struct predictions_journal *journal;
    struct h5file *file;
    struct h5_texts paths, errors;
    size_t rows, first, count; /* of all; of the slab's first; in the slab */
    uint16_t *predicted, *top; /* owned: (SLAB_ROWS), (SLAB_ROWS, top) */
    uint8_t *set;              /* owned: (SLAB_ROWS, classes), if a picture has several */
    float *probability;        /* owned: (SLAB_ROWS, top) */
};

static void h5_slab_add(struct h5_slab *slab, const struct predictions_row *row)
{
    const struct predictions_head *head = slab->journal->head;
    size_t i = slab->count++, top = (size_t)head->top, classes = (size_t)head->classes;
    h5_texts_add(&slab->paths, row->path);
    h5_texts_add(&slab->errors, h5_error(row));
    slab->predicted[i] =
        (uint16_t)(row->labels > 0 ? row->list[0].class : PREDICTIONS_NONE);
    if (head->sets)
        memset(slab->set + i * classes, 0, classes);
    for (int k = 0; head->sets && k < row->labels; k++)
        slab->set[i * classes + (size_t)row->list[k].class] = 1;
    for (size_t k = 0; k < top; k++) {
        bool is = k < (size_t)row->listed;
        slab->top[i * top + k] = (uint16_t)(is ? row->list[k].class : PREDICTIONS_NONE);
        slab->probability[i * top + k] = is ? (float)row->list[k].p : 0;
    }
}

static enum status h5_slab_flush(struct h5_slab *slab)
{
    const struct predictions_head *head = slab->journal->head;
    size_t first = slab->first, count = slab->count, top = (size_t)head->top;
    if (count == 0)
        return ST_OK;
    TRY(h5_texts_flush(&slab->paths));
    TRY(h5_texts_flush(&slab->errors));
    if (head->sets)
        TRY(h5file_write_rows(slab->file, "/predicted", H5FILE_U8, first, count,
                              (size_t)head->classes, slab->set));
    else
        TRY(h5file_write_rows(slab->file, "/predicted", H5FILE_U16, first, count, 1,
                              slab->predicted));
    TRY(h5file_write_rows(slab->file, "/top", H5FILE_U16, first, count, top, slab->top));
    TRY(h5file_write_rows(slab->file, "/top_probability", H5FILE_F32, first, count, top,
                          slab->probability));
    slab->first += count;
    slab->count = 0;
    return ST_OK;
}

static void h5_measure(struct h5_slab *slab)
{
    struct predictions_row row;
    predictions_journal_rewind(slab->journal);
    while (predictions_journal_next(slab->journal, &row)) {
        slab->rows++;
        slab->paths.bytes += strlen(row.path) + 1;
        slab->errors.bytes += strlen(h5_error(&row)) + 1;
        predictions_row_release(&row);
    }
}

static enum status h5_create_texts(struct h5_slab *slab, struct h5_texts *texts,
                                   const char *name)
{
    texts->file = slab->file;
    texts->name = name;
    return h5file_create_array(slab->file, name, H5FILE_U8, 1, &texts->bytes);
}

static enum status h5_create_arrays(struct h5_slab *slab)
{
    const struct predictions_head *head = slab->journal->head;
    const size_t set[] = {slab->rows, (size_t)head->classes};
    const size_t top[] = {slab->rows, (size_t)head->top};
    TRY(h5file_put_text(slab->file, "/", "format", PREDICTIONS_FORMAT));
    TRY(h5file_put_text(slab->file, "/", "network", head->network));
    TRY(h5file_put_texts(slab->file, "/", "classes", head->class_name, head->classes));
    if (head->threshold > 0)
        TRY(h5file_put_f64(slab->file, "/", "threshold", head->threshold));
    TRY(h5_create_texts(slab, &slab->paths, "/paths"));
    TRY(h5_create_texts(slab, &slab->errors, "/errors"));
    TRY(h5file_create_array(slab->file, "/predicted", head->sets ? H5FILE_U8 : H5FILE_U16,
                            head->sets ? 2 : 1, set));
    TRY(h5file_create_array(slab->file, "/top", H5FILE_U16, 2, top));
    return h5file_create_array(slab->file, "/top_probability", H5FILE_F32, 2, top);
}

static enum status h5_write_rows(struct h5_slab *slab)
{
    struct predictions_row row;
    TRY(h5_create_arrays(slab));
    predictions_journal_rewind(slab->journal);
    while (predictions_journal_next(slab->journal, &row)) {
        h5_slab_add(slab, &row);
        predictions_row_release(&row);
        if (slab->count == SLAB_ROWS)
            TRY(h5_slab_flush(slab));
    }
    return h5_slab_flush(slab);
}

enum status predictions_write_h5(struct predictions_journal *journal, const char *path,
                                 uint64_t rows)
{
    const struct predictions_head *head = journal->head;
    size_t top = (size_t)head->top, classes = head->sets ? (size_t)head->classes : 1;
    struct h5_slab slab = {
        .journal = journal,
        .predicted = mem_zeroed(SLAB_ROWS, sizeof *slab.predicted),
        .top = mem_zeroed(SLAB_ROWS * top, sizeof *slab.top),
        .set = mem_zeroed(SLAB_ROWS, classes),
        .probability = mem_zeroed(SLAB_ROWS * top, sizeof *slab.probability),
    };
    h5_measure(&slab);
    enum status st = predictions_journal_check(journal, slab.rows, rows);
    if (st == ST_OK)
        st = h5file_create(&slab.file, path);
    if (st == ST_OK) {
        st = h5_write_rows(&slab);
        if (st == ST_OK)
            st = h5file_commit(slab.file);
        h5file_close(slab.file);
    }
    free(slab.paths.slab);
    free(slab.errors.slab);
    free(slab.predicted);
    free(slab.top);
    free(slab.set);
    free(slab.probability);
    return st;
}
