#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "checkpoint_impl.h"
#include "data/dataset.h"

/* One list of the scalar attributes serves writing, reading and hashing. */
enum kind { U64, F64, TEXT, HASH };
struct attribute {
    const char *name;
    enum kind kind;
    bool vital; /* a resume needs it: part of content_hash */
    size_t offset;
};

#define INFO(field)     offsetof(struct checkpoint_info, field)
#define PROGRESS(field) offsetof(struct checkpoint_info, progress.field)

static const struct attribute attributes[] = {
    {"config", TEXT, true, INFO(config)},
    {"mean", F64, true, INFO(mean)},
    {"std", F64, true, INFO(std)},
    {"data_hash", HASH, true, INFO(data_hash)},
    {"state", HASH, true, INFO(state)},
    {"lockstep", TEXT, false, INFO(lockstep)},
    {"mpi", TEXT, false, INFO(mpi)},
    {"blas", TEXT, false, INFO(blas)},
    {"isa", TEXT, false, INFO(isa)},
    {"plan", TEXT, false, INFO(plan)},
    {"step", U64, true, PROGRESS(step)},
    {"epoch", F64, true, PROGRESS(epoch)},
    {"evaluated_step", U64, true, PROGRESS(evaluated_step)},
    {"best_step", U64, true, PROGRESS(best_step)},
    {"best_accuracy", F64, true, PROGRESS(best_accuracy)},
    {"evals_without_gain", U64, true, PROGRESS(evals_without_gain)},
    {"interval_loss", F64, true, PROGRESS(interval_loss)},
    {"interval_correct", U64, true, PROGRESS(interval_correct)},
    {"interval_samples", U64, true, PROGRESS(interval_samples)},
};
enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

static void *at(const struct checkpoint_info *info, const struct attribute *attribute)
{
    return (char *)(uintptr_t)info + attribute->offset;
}

enum status checkpoint_put_hash(struct h5file *file, const char *name, uint64_t hash)
{
    char text[17];
    hash_text(hash, text);
    return h5file_put_text(file, "/", name, text);
}

enum status checkpoint_get_hash(struct h5file *file, const char *name, uint64_t *hash)
{
    char *text, *end;
    TRY(h5file_get_text(file, "/", name, &text));
    *hash = strtoull(text, &end, 16);
    bool good = end == text + 16 && !*end;
    free(text);
    if (!good)
        FAIL(ST_FAIL, "'%s': attribute '%s' is not a hash", h5file_path(file), name);
    return ST_OK;
}

static enum status write_one(struct h5file *file, const struct checkpoint_info *info,
                             const struct attribute *attribute)
{
    const void *value = at(info, attribute);
    switch (attribute->kind) {
    case U64:
        return h5file_put_u64(file, "/", attribute->name, *(const uint64_t *)value);
    case F64:
        return h5file_put_f64(file, "/", attribute->name, *(const double *)value);
    case TEXT:
        return h5file_put_text(file, "/", attribute->name, *(char *const *)value);
    case HASH:
        return checkpoint_put_hash(file, attribute->name, *(const uint64_t *)value);
    }
    return ST_BUG;
}

static enum status read_one(struct h5file *file, struct checkpoint_info *info,
                            const struct attribute *attribute)
{
    void *value = at(info, attribute);
    switch (attribute->kind) {
    case U64:
        return h5file_get_u64(file, "/", attribute->name, value);
    case F64:
        return h5file_get_f64(file, "/", attribute->name, value);
    case TEXT:
        if (!attribute->vital && !h5file_has_attr(file, "/", attribute->name)) {
            *(char **)value = mem_strdup(""); /* from before there was one */
            return ST_OK;
        }
        return h5file_get_text(file, "/", attribute->name, value);
    case HASH:
        return checkpoint_get_hash(file, attribute->name, value);
    }
    return ST_BUG;
}

enum status checkpoint_info_write(struct h5file *file, const struct checkpoint_info *info)
{
    TRY(h5file_put_text(file, "/", "format", CHECKPOINT_FORMAT));
    TRY(h5file_put_u64(file, "/", "format_version", CHECKPOINT_VERSION));
    TRY(h5file_put_texts(file, "/", "classes", info->class_name, info->classes));
    TRY(h5file_put_u64(file, "/", "height", (uint64_t)info->h));
    TRY(h5file_put_u64(file, "/", "width", (uint64_t)info->w));
    for (int i = 0; i < ATTRIBUTES; i++)
        TRY(write_one(file, info, &attributes[i]));
    return ST_OK;
}

static enum status check_format(struct h5file *file)
{
    char *format = NULL;
    uint64_t version;
    if (h5file_has_attr(file, "/", "format"))
        TRY(h5file_get_text(file, "/", "format", &format));
    bool right = format && strcmp(format, CHECKPOINT_FORMAT) == 0;
    free(format);
    if (!right)
        FAIL(ST_FAIL, "'%s' is not a checkpoint; see 'lockstep show %s'",
             h5file_path(file), h5file_path(file));
    TRY(h5file_get_u64(file, "/", "format_version", &version));
    if (version != CHECKPOINT_VERSION)
        FAIL(ST_FAIL, "'%s' has format version %llu; this lockstep reads version %d",
             h5file_path(file), (unsigned long long)version, CHECKPOINT_VERSION);
    return ST_OK;
}

enum status checkpoint_info_read(struct h5file *file, struct checkpoint_info *info)
{
    uint64_t h, w;
    TRY(check_format(file));
    TRY(h5file_get_texts(file, "/", "classes", &info->class_name, &info->classes));
    TRY(h5file_get_u64(file, "/", "height", &h));
    TRY(h5file_get_u64(file, "/", "width", &w));
    if (h < 1 || w < 1 || h > INT16_MAX || w > INT16_MAX ||
        info->classes > DATASET_CLASSES_MAX)
        FAIL(ST_FAIL,
             "'%s' is damaged: it says that it takes images of %llu x %llu pixels and "
             "knows %d classes",
             h5file_path(file), (unsigned long long)h, (unsigned long long)w,
             info->classes);
    info->h = (int)h;
    info->w = (int)w;
    for (int i = 0; i < ATTRIBUTES; i++)
        TRY(read_one(file, info, &attributes[i]));
    return ST_OK;
}

uint64_t checkpoint_info_hash(const struct checkpoint_info *info)
{
    int size[3] = {info->classes, info->h, info->w};
    uint64_t hash = hash_bytes(size, sizeof size, 0);
    for (int i = 0; i < info->classes; i++)
        hash = hash_bytes(info->class_name[i], strlen(info->class_name[i]) + 1, hash);
    for (int i = 0; i < ATTRIBUTES; i++) {
        const void *value = at(info, &attributes[i]);
        if (!attributes[i].vital)
            continue;
        if (attributes[i].kind == TEXT) {
            const char *text = *(char *const *)value;
            hash = hash_bytes(text, strlen(text) + 1, hash);
        } else {
            hash = hash_bytes(value, 8, hash);
        }
    }
    return hash;
}

void checkpoint_info_release(struct checkpoint_info *info)
{
    fs_free_list(info->class_name, info->classes);
    free(info->config);
    free(info->lockstep);
    free(info->mpi);
    free(info->blas);
    free(info->isa);
    free(info->plan);
    memset(info, 0, sizeof *info);
}
