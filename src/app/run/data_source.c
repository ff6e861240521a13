#include "app/run/data_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config/config.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "io/kind.h"
#include "kernels/cpu.h"

struct import_options data_source_options(void)
{
    return (struct import_options){.share = {-1, -1, -1},
                                   .max_bad = IMPORT_MAX_BAD,
                                   .seed = 1,
                                   .treatment.background = TREATMENT_BORDER,
                                   .threads = cpu_usable()};
}

struct import_options data_source_training_options(const struct data_options *data)
{
    struct import_options import = data_source_options();
    import.channels = data->channels == 0 ? 0 : 2 * data->channels - 1;
    import.treatment.fit = (enum treatment_fit)data->fit;
    if (data->val > 0)
        import.share[DATASET_VAL] = data->val;
    import.size_option = "--set data.size=";
    import.h = data->h;
    import.w = data->w;
    import.label = data->multi_label ? IMPORT_LABEL_SETS : IMPORT_LABEL_AUTO;
    return import;
}

/* Whatever is not surely something else is left to the reader of data sets, which names
   what is wrong with it. */
static enum status source_detect(const char *path, bool *is_source,
                                 enum import_kind *kind)
{
    char text[STATUS_TEXT];
    struct kind what;
    *is_source = fs_is_folder(path);
    if (*is_source) {
        TRY(import_detect(path, kind));
        if (*kind == IMPORT_IDX)
            FAIL(ST_USAGE,
                 "'%s' holds IDX files: make a data set of them with 'lockstep "
                 "data import'",
                 path);
        return ST_OK;
    }
    TRY(kind_of_file(path, &what));
    if (what.class == KIND_HDF5)
        return ST_OK;
    status_capture(text);
    *is_source = import_detect(path, kind) == ST_OK && *kind == IMPORT_LIST;
    status_capture(NULL);
    return ST_OK;
}

/* Would an import of `pictures` look into the folder? Not into hidden ones. */
static bool source_is_seen(const char *folder, const char *pictures)
{
    char at[FS_PATH];
    snprintf(at, sizeof at, "%s", folder);
    if (!fs_is_folder(pictures) || !fs_is_below(folder, pictures))
        return false;
    for (char *slash; (slash = strrchr(at, '/')) && slash > at;) {
        bool hidden = slash[1] == '.';
        *slash = '\0';
        if (!fs_is_below(at, pictures))
            break;
        if (hidden)
            return false;
    }
    return true;
}

static enum status source_find_cache(char folder[FS_PATH])
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/') /* the standard: a relative one is ignored */
        TRY(fs_join(folder, cache, "lockstep"));
    else if (home && *home)
        TRY(fs_join(folder, home, ".cache/lockstep"));
    else
        FAIL(ST_USAGE,
             "neither XDG_CACHE_HOME nor HOME says where imported pictures may be "
             "kept; make a data set with 'lockstep data import'");
    return ST_OK;
}

/* The next import would take what is kept there for pictures. */
static enum status source_check_cache(const char *path)
{
    char folder[FS_PATH];
    TRY(source_find_cache(folder));
    if (source_is_seen(folder, path))
        FAIL(ST_USAGE,
             "imported pictures would be kept in '%s', which is in '%s' itself: set "
             "XDG_CACHE_HOME to a folder elsewhere",
             folder, path);
    return ST_OK;
}

/* FOLDER/NAME-HASH.h5, NAME being the last part of the path that is not empty. */
static enum status source_cache_path(const char *path, uint64_t hash, char out[FS_PATH])
{
    char folder[FS_PATH], text[17];
    size_t end = strlen(path), begin;
    while (end > 1 && path[end - 1] == '/')
        end--;
    for (begin = end; begin > 0 && path[begin - 1] != '/'; begin--)
        ;
    hash_text(hash, text);
    TRY(source_find_cache(folder));
    TRY(fs_make_folder(folder));
    char *name = mem_format("%.*s-%s.h5", (int)(end - begin < 100 ? end - begin : 100),
                            path + begin, text);
    enum status st = fs_join(out, folder, name);
    free(name);
    return st;
}

static enum status source_import(const char *path, enum import_kind kind,
                                 const struct import_options *options, char **file,
                                 bool has[DATASET_SPLITS])
{
    uint64_t hash;
    char cache[FS_PATH];
    struct import_set *set;
    TRY(source_check_cache(path));
    TRY(import_find(&set, path, kind, options->label));
    enum status st = import_fingerprint(set, options, &hash, has);
    if (st == ST_OK)
        st = source_cache_path(path, hash, cache);
    if (st == ST_OK && fs_is_file(cache)) {
        log_note("'%s' was imported before: using '%s'", path, cache);
    } else if (st == ST_OK) {
        log_note("importing '%s' into '%s'", path, cache);
        st = import_write(set, cache, options);
    }
    import_set_free(set);
    TRY(st);
    *file = mem_strdup(cache);
    return ST_OK;
}

enum status data_source_find(const char *path, const struct import_options *options,
                             char **file, bool has[DATASET_SPLITS])
{
    bool is_source;
    enum import_kind kind;
    *file = NULL;
    for (int s = 0; s < DATASET_SPLITS; s++)
        has[s] = true;
    TRY(source_detect(path, &is_source, &kind));
    if (is_source)
        return source_import(path, kind, options, file, has);
    *file = mem_strdup(path);
    return ST_OK;
}

enum status data_source_open(struct comm *comm, const char *path,
                             const struct import_options *options, char **file,
                             bool has[DATASET_SPLITS])
{
    enum status st = ST_OK;
    size_t bytes = 0;
    *file = NULL;
    if (comm_rank(comm) == 0) {
        st = data_source_find(path, options, file, has);
        bytes = st == ST_OK ? strlen(*file) + 1 : 0;
    }
    TRY(comm_agree(comm, st));
    comm_bcast(comm, &bytes, sizeof bytes, 0);
    if (comm_rank(comm) != 0)
        *file = mem_zeroed(bytes, 1);
    comm_bcast(comm, *file, bytes, 0);
    comm_bcast(comm, has, DATASET_SPLITS * sizeof *has, 0);
    return ST_OK;
}
