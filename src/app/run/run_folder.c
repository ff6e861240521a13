#include "app/run/run_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/run_auto.h"
#include "app/run/run_files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/shell.h"
#include "comm/comm.h"
#include "data/dataset.h"
#include "io/image.h"
#include "train/trainer.h"

#define LOCK_SECONDS 5 /* to wait: the ranks of a killed mpirun take 2 s to exit */

static bool run_folder_holds_run(const char *folder)
{
    static const char *const traces[] = {RUN_LOG, RUN_METRICS, RUN_CHECKPOINTS};
    char path[FS_PATH];
    for (int i = 0; i < 3; i++)
        if (fs_join(path, folder, traces[i]) == ST_OK &&
            (fs_is_file(path) || fs_is_folder(path)))
            return true;
    return false;
}

/* Rank 0: the folder of the run that wrote this config; false: it is no run's. */
static bool run_folder_of_config(char folder[FS_PATH], const char *config)
{
    const char *slash = strrchr(config, '/');
    snprintf(folder, FS_PATH, "%.*s", slash ? (int)(slash - config) : 1,
             slash ? config : ".");
    return run_files_is_config(folder, config) && run_folder_holds_run(folder);
}

/* Rank 0: the folder that goes with the config. */
static void run_folder_by_config(char path[FS_PATH], const char *config)
{
    const char *base = strrchr(config, '/');
    base = base ? base + 1 : config;
    const char *dot = strrchr(base, '.');
    int stem = dot && dot != base ? (int)(dot - base) : (int)strlen(base);
    if (!run_folder_of_config(path, config))
        snprintf(path, FS_PATH, "runs/%.*s", stem, base);
}

enum status run_folder_init(struct run_folder *folder, struct comm *comm,
                            const char *asked, const char *config, bool resume)
{
    bool numbered = asked && strcmp(asked, RUN_AUTO) == 0;
    enum status st = ST_OK;
    *folder = (struct run_folder){.lock.fd = -1};
    if (asked && snprintf(folder->path, sizeof folder->path, "%s", asked) >= FS_PATH)
        FAIL(ST_USAGE, "path too long: '%s'", asked);
    if ((!asked || numbered) && comm_rank(comm) == 0)
        run_folder_by_config(folder->path, config);
    if (numbered && comm_rank(comm) == 0) {
        memcpy(folder->base, folder->path, sizeof folder->base);
        st = run_auto_find(folder->path, folder->base, resume);
    }
    TRY(comm_agree(comm, st));
    comm_bcast(comm, folder->path, sizeof folder->path, 0);
    return ST_OK;
}

bool run_folder_has_run(const struct run_folder *folder)
{
    return run_folder_holds_run(folder->path);
}

static enum status run_folder_refuse_old(const struct run_folder *folder)
{
    FAIL(ST_USAGE,
         "'%s' already holds a run; go on with it by --resume, or choose another --run",
         folder->path);
}

enum status run_folder_open(struct run_folder *folder, bool resume,
                            const char *const *input, int inputs)
{
    char path[FS_PATH], checkpoints[FS_PATH];
    if (*folder->base && !resume)
        TRY(run_auto_claim(folder->path, folder->base));
    if (run_folder_holds_run(folder->path) && !resume)
        return run_folder_refuse_old(folder);
    TRY(run_files_check(folder->path, input, inputs));
    TRY(fs_make_folder(folder->path));
    TRY(fs_join(path, folder->path, RUN_LOCK));
    TRY(lockfile_take(&folder->lock, path, folder->path, resume ? LOCK_SECONDS : 0));
    folder->found =
        run_folder_holds_run(folder->path); /* again: another run may just have ended */
    if (folder->found && !resume)
        return run_folder_refuse_old(folder);
    TRY(fs_join(checkpoints, folder->path, RUN_CHECKPOINTS));
    TRY(fs_make_folder(checkpoints));
    TRY(fs_join(path, folder->path, RUN_LOG));
    TRY(log_open_file(path));
    TRY(fs_remove_temps(folder->path));
    return fs_remove_temps(checkpoints);
}

static enum status run_folder_write_config(const struct run_folder *folder,
                                           const char *text, const char *version)
{
    char path[FS_PATH];
    struct fs_writer writer;
    TRY(fs_join(path, folder->path, RUN_CONFIG));
    TRY(fs_write_begin(&writer, path));
    fprintf(writer.file,
            RUN_CONFIG_HEAD " %s:\n"
                            "# 'lockstep train' of this file makes the same run again.\n"
                            "\n%s",
            version, text);
    return fs_write_end(&writer);
}

void run_folder_save_config(const struct run_folder *folder, const char *text,
                            const char *version)
{
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = run_folder_write_config(folder, text, version);
    status_capture(NULL);
    if (st != ST_OK)
        log_note("%s; the run goes on", why);
}

void run_folder_close(struct run_folder *folder)
{
    lockfile_release(&folder->lock);
}

enum status run_folder_guard(struct lockfile *lock, const char *checkpoint)
{
    char folder[FS_PATH], path[FS_PATH];
    *lock = (struct lockfile){.fd = -1};
    snprintf(folder, sizeof folder, "%s", checkpoint);
    for (int up = 0; up < 2; up++) { /* RUN/checkpoints/FILE */
        char *slash = strrchr(folder, '/');
        if (!slash || slash == folder)
            return ST_OK;
        *slash = '\0';
    }
    if (!run_folder_holds_run(folder))
        return ST_OK;
    TRY(fs_join(path, folder, RUN_LOCK));
    return lockfile_take(lock, path, folder, 0);
}

/* --- resuming --- */

struct run_resume {
    const char *folder;
    struct comm *comm;
    const struct config *config;
    const struct dataset *dataset;
    struct trainer *trainer;
    bool unreadable; /* the system could not read one of the checkpoints */
};

static void resume_note_change(const char *line)
{
    log_note("resumed with a changed key: %s", line);
}

/* The run's own config has what was given by --set when it began. */
static enum status resume_refuse(const struct run_resume *resume, const char *why)
{
    char path[FS_PATH];
    TRY(fs_join(path, resume->folder, RUN_CONFIG));
    if (!fs_is_file(path))
        FAIL(ST_USAGE, "%s", why);
    char *own = shell_path(path);
    enum status st = status_fail(
        ST_USAGE, "%s, or go on with this one as it was: lockstep train %s --resume", why,
        own);
    free(own);
    return st;
}

static enum status resume_check_config(const struct run_resume *resume, const char *path,
                                       const struct checkpoint_info *info)
{
    struct config then;
    char why[STATUS_TEXT];
    config_init(&then);
    enum status st = config_parse(&then, info->config, path);
    if (st == ST_OK) {
        status_capture(why);
        st = config_compare(&then, resume->config, resume_note_change);
        status_capture(NULL);
        if (st != ST_OK)
            st = resume_refuse(resume, why);
    }
    config_release(&then);
    return st;
}

/* What the bits depend on besides the config. */
static void resume_note_bits(const struct run_resume *resume,
                             const struct checkpoint_info *info)
{
    char decoder[IMAGE_DECODERS], bits[POLICY_BITS];
    image_decoders(decoder);
    if (resume->dataset->info.encoded && *info->decoder &&
        strcmp(info->decoder, decoder) != 0)
        log_note("pictures are decoded by %s now, and were by %s: the run may go on in "
                 "other bits",
                 decoder, info->decoder);
    policy_bits_text(&resume->config->model.policy, bits);
    if (*info->bits && strcmp(info->bits, bits) != 0)
        log_note(
            "the bits are those of '%s' now, and were those of '%s': the run goes on "
            "in other bits",
            bits, info->bits);
}

/* The hash of the data set is not over its weights. */
static enum status resume_check_weights(const struct run_resume *resume,
                                        const struct checkpoint_info *info)
{
    const char *path = resume->dataset->info.path;
    uint64_t was = info->sample_weights_hash, is = dataset_weights_hash(resume->dataset);
    if (was && is && was != is)
        FAIL(ST_USAGE,
             "cannot resume: the training images of '%s' have other weights now than "
             "they had; give the run's own set with --data",
             path);
    if (!was != !is)
        log_note("the training images of '%s' %s: the run goes on in other bits "
                 "(train.sample_weights)",
                 path,
                 is ? "are weighted, and were not before"
                    : "were weighted, and are not from now on");
    return ST_OK;
}

static enum status resume_check_same_run(const struct run_resume *resume,
                                         const char *path,
                                         const struct checkpoint_info *info)
{
    const struct dataset_info *data = &resume->dataset->info;
    TRY(resume_check_config(resume, path, info));
    resume_note_bits(resume, info);
    if (info->data_hash != data->hash) {
        char was[17], is[17];
        hash_text(info->data_hash, was);
        hash_text(data->hash, is);
        FAIL(ST_USAGE,
             "cannot resume: the data set was %s (%d classes, %dx%dx%d) and '%s' is %s "
             "(%d classes, %dx%dx%d); give the run's own with --data",
             was, info->classes, info->shape.h, info->shape.w, info->shape.c, data->path,
             is, data->classes, data->shape.h, data->shape.w, data->shape.c);
    }
    return resume_check_weights(resume, info);
}

/* Rank 0: may this run go on from `path`? *readable is false for a damaged file. */
static enum status resume_consider(const struct run_resume *resume, const char *path,
                                   bool *readable)
{
    struct checkpoint_info info;
    *readable = checkpoint_read_info(path, &info) == ST_OK;
    if (!*readable)
        return ST_OK;
    enum status st = resume_check_same_run(resume, path, &info);
    checkpoint_info_release(&info);
    return st;
}

/* Can the system read the bytes of the file, damaged or not? */
static bool resume_bytes_readable(const char *path)
{
    char block[4096];
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    while (fread(block, 1, sizeof block, file) > 0)
        continue;
    bool good = !ferror(file);
    fclose(file);
    return good;
}

static enum status resume_try(struct run_resume *resume, const char *path, bool *resumed)
{
    struct comm *comm = resume->comm;
    bool readable = false;
    enum status st = ST_OK;
    if (comm_rank(comm) == 0)
        st = resume_consider(resume, path, &readable);
    TRY(comm_agree(comm, st));
    comm_bcast(comm, &readable, sizeof readable, 0);
    *resumed = readable && trainer_resume(resume->trainer, path) == ST_OK;
    if (*resumed)
        log_out("resumed from '%s': step %llu of %llu\n\n", path,
                (unsigned long long)trainer_step(resume->trainer),
                (unsigned long long)trainer_total_steps(resume->trainer));
    else
        log_note("'%s' cannot be used; looking for an older one", path);
    if (!*resumed && comm_rank(comm) == 0 && !resume_bytes_readable(path))
        resume->unreadable = true;
    return ST_OK;
}

/* Rank 0: the newest checkpoint first, best.h5 last. */
static enum status resume_list(const struct run_resume *resume, char ***paths, int *count)
{
    char folder[FS_PATH], best[FS_PATH];
    TRY(fs_join(folder, resume->folder, RUN_CHECKPOINTS));
    TRY(fs_join(best, folder, "best.h5"));
    TRY(checkpoint_list(folder, paths, count));
    if (fs_is_file(best)) {
        *paths = mem_resize(*paths, (size_t)*count + 1, sizeof **paths);
        (*paths)[(*count)++] = mem_strdup(best);
    }
    return ST_OK;
}

enum status run_folder_resume(const struct run_folder *folder, struct comm *comm,
                              const struct config *config, const struct dataset *dataset,
                              struct trainer *trainer, bool *resumed)
{
    struct run_resume resume = {folder->path, comm, config, dataset, trainer, false};
    char **paths = NULL;
    int count = 0;
    enum status st = ST_OK;
    if (comm_rank(comm) == 0)
        st = resume_list(&resume, &paths, &count);
    st = comm_agree(comm, st);
    comm_bcast(comm, &count, sizeof count, 0);
    *resumed = false;
    for (int i = 0; i < count && st == ST_OK && !*resumed; i++)
        st = resume_try(&resume, paths ? paths[i] : "", resumed);
    if (paths)
        fs_free_list(paths, count);
    TRY(st);
    if (!*resumed && resume.unreadable)
        st = status_fail(
            ST_FAIL,
            "'%s' holds checkpoints that cannot be read now; the run does not start anew "
            "over them: try later, or move them away",
            folder->path);
    return comm_agree(comm, st);
}
