/* features: files for later runs. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "features_impl.h"
#include "io/h5file.h"

/* "FOLDER/features-HASH.h5", the hash that of the text. */
static enum status features_file_path(const struct features_file *file,
                                      char path[FS_PATH])
{
    char hash[17], name[64];
    hash_text(hash_bytes(file->text, strlen(file->text), 0), hash);
    snprintf(name, sizeof name, "features-%s.h5", hash);
    return fs_join(path, file->folder, name);
}

static enum status features_read(struct features *features,
                                 const struct features_file *file, const char *path,
                                 bool *same)
{
    struct h5file *h5;
    char *text = NULL;
    size_t rows = (size_t)features->views * features->count;
    TRY(h5file_open(&h5, path));
    enum status st = h5file_get_text(h5, "/", "of", &text);
    *same = st == ST_OK && strcmp(text, file->text) == 0;
    if (*same)
        st = h5file_read(h5, "/features", H5FILE_F32, rows * features->row,
                         features->data);
    free(text);
    h5file_close(h5);
    return st;
}

/* A file that cannot be read is written anew. */
static bool features_found(struct features *features, const struct features_file *file)
{
    char path[FS_PATH], why[STATUS_TEXT];
    bool same = false;
    if (features_file_path(file, path) != ST_OK || !fs_is_file(path))
        return false;
    status_capture(why);
    enum status st = features_read(features, file, path, &same);
    status_capture(NULL);
    if (st != ST_OK)
        log_note("features are computed anew: %s", why);
    return st == ST_OK && same;
}

bool features_load(struct features *features, struct comm *comm,
                   const struct features_file *file)
{
    size_t floats = (size_t)features->views * features->count * features->row;
    uint64_t found = comm_rank(comm) == 0 && features_found(features, file);
    comm_bcast(comm, &found, sizeof found, 0);
    if (!found)
        return false;
    features_sync(features);
    if (comm_far_rank(comm) > 0)
        features_send(features, comm, 0, 0, floats);
    features_sync(features);
    return true;
}

static enum status features_write(const struct features *features,
                                  const struct features_file *file, struct h5file *h5)
{
    const size_t dim[] = {(size_t)features->views, features->count, features->row};
    TRY(h5file_put_text(h5, "/", "of", file->text));
    TRY(h5file_write(h5, "/features", H5FILE_F32, 3, dim, features->data));
    return h5file_commit(h5);
}

enum status features_save(const struct features *features,
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
