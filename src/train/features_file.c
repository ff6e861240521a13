/* features: files for later runs. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/where.h"
#include "comm/comm.h"
#include "features_impl.h"
#include "io/h5file.h"

#define FEATURES_FILE_BLOCK (4 << 20) /* bytes read or written at once */

/* "FOLDER/features-HASH.h5", the hash that of the text. */
static enum status features_file_path(const struct features_file *file,
                                      char path[FS_PATH])
{
    char hash[17], name[64];
    hash_text(hash_bytes(file->text, strlen(file->text), 0), hash);
    snprintf(name, sizeof name, "features-%s.h5", hash);
    return fs_join(path, file->folder, name);
}

static float *features_view(const struct features *features,
                            const struct features_file *file)
{
    return features->data + (size_t)file->view * features->count * features->row;
}

static uint64_t features_hash(const struct features *features,
                              const struct features_file *file)
{
    return hash_bytes(features_view(features, file),
                      features->count * features->row * sizeof(float), 0);
}

/* Rows [*first, end) of about FEATURES_FILE_BLOCK bytes; shows the ranks that wait that
   this one advances. */
static uint64_t features_block(const struct features *features, uint64_t first)
{
    uint64_t rows = FEATURES_FILE_BLOCK / (features->row * sizeof(float)) + 1;
    uint64_t left = features->count - first;
    where_mark(WHERE_LOAD);
    return rows < left ? rows : left;
}

/* --- reading --- */

static enum status features_read_floats(struct features *features,
                                        const struct features_file *file,
                                        struct h5file *h5)
{
    uint64_t hash;
    float *data = features_view(features, file);
    for (uint64_t i = 0, rows; i < features->count; i += rows) {
        rows = features_block(features, i);
        TRY(h5file_read_rows(h5, "/features", H5FILE_F32, i, rows, features->row,
                             data + i * features->row));
    }
    TRY(h5file_get_hash(h5, "/", "hash", &hash));
    if (hash != features_hash(features, file))
        FAIL(ST_FAIL, "'%s' is damaged", h5file_path(h5));
    return ST_OK;
}

/* *same: the file is of this text, and the features are read. */
static enum status features_read(struct features *features,
                                 const struct features_file *file, const char *path,
                                 bool *same)
{
    struct h5file *h5;
    char *text = NULL;
    TRY(h5file_open(&h5, path));
    enum status st = h5file_get_text(h5, "/", "of", &text);
    *same = st == ST_OK && strcmp(text, file->text) == 0;
    if (*same)
        st = features_read_floats(features, file, h5);
    free(text);
    h5file_close(h5);
    return st;
}

/* A file that cannot be read is written anew. */
static bool features_found(struct features *features, const struct features_file *file)
{
    char path[FS_PATH], why[STATUS_TEXT];
    bool same = false;
    status_capture(why);
    enum status st = features_file_path(file, path);
    if (st == ST_OK && fs_is_file(path)) {
        st = features_read(features, file, path, &same);
        if (st != ST_OK)
            log_note("features are computed anew: %s", why);
    }
    status_capture(NULL);
    return st == ST_OK && same;
}

bool features_load(struct features *features, struct comm *comm,
                   const struct features_file *file)
{
    size_t floats = features->count * features->row;
    uint64_t found = comm_rank(comm) == 0 && features_found(features, file);
    comm_bcast(comm, &found, sizeof found, 0);
    if (!found)
        return false;
    features_sync(features);
    if (comm_far_rank(comm) > 0)
        features_send(features, comm, 0, (size_t)file->view * floats, floats);
    features_sync(features);
    return true;
}

/* --- writing --- */

static enum status features_write(const struct features *features,
                                  const struct features_file *file, struct h5file *h5)
{
    const size_t dim[] = {features->count, features->row};
    const float *data = features_view(features, file);
    TRY(h5file_put_text(h5, "/", "of", file->text));
    TRY(h5file_put_hash(h5, "/", "hash", features_hash(features, file)));
    TRY(h5file_create_array(h5, "/features", H5FILE_F32, 2, dim));
    for (uint64_t i = 0, rows; i < features->count; i += rows) {
        rows = features_block(features, i);
        TRY(h5file_write_rows(h5, "/features", H5FILE_F32, i, rows, features->row,
                              data + i * features->row));
    }
    return h5file_commit(h5);
}

static enum status features_write_file(const struct features *features,
                                       const struct features_file *file)
{
    char path[FS_PATH];
    struct h5file *h5;
    TRY(features_file_path(file, path));
    TRY(h5file_create(&h5, path));
    enum status st = features_write(features, file, h5);
    h5file_close(h5);
    return st;
}

void features_save(const struct features *features, const struct features_file *file)
{
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = features_write_file(features, file);
    status_capture(NULL);
    if (st != ST_OK)
        log_note("features are not kept for later runs: %s", why);
}
