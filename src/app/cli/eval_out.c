#include "eval_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/output.h"
#include "base/fs.h"
#include "base/label_set.h"
#include "base/mem.h"
#include "base/portable_math.h"
#include "eval_scores.h"
#include "io/csv.h"
#include "kernels/vector.h"

#define OUT_PREDICTIONS_HEAD "path,label,predicted,probability"

/* --- a row for each image --- */

struct out_rows {
    const struct eval_answers *answers;
    const float *logprobs;
    FILE *file;
};

static void out_add_name(char **text, const char *name)
{
    mem_append(text, "%s%s", **text ? ";" : "", name);
}

/* Label, predicted class and its probability; of several classes with ';' between. */
static void out_put_sets(const struct out_rows *rows, size_t i)
{
    const struct eval_answers *answers = rows->answers;
    const struct checkpoint_info *info = &answers->network->info;
    const uint8_t *set = loader_label_set(answers->loader, i);
    const float *logprobs = rows->logprobs + i * (size_t)info->classes;
    float limit = evaluation_limit(answers->threshold);
    char *labels = mem_strdup(""), *names = mem_strdup(""), *shares = mem_strdup("");
    for (int c = 0; c < info->classes; c++) {
        if (label_set_has(set, c))
            out_add_name(&labels, info->class_name[c]);
        if (logprobs[c] < limit)
            continue;
        out_add_name(&names, info->class_name[c]);
        mem_append(&shares, "%s%.6f", *shares ? ";" : "",
                   portable_exp((double)logprobs[c]));
    }
    csv_write_text(rows->file, labels);
    fputc(',', rows->file);
    csv_write_text(rows->file, names);
    fprintf(rows->file, ",%s\n", shares);
    free(labels);
    free(names);
    free(shares);
}

static void out_put_class(const struct out_rows *rows, size_t i)
{
    const struct checkpoint_info *info = &rows->answers->network->info;
    const float *logprobs = rows->logprobs + i * (size_t)info->classes;
    int predicted = vector_argmax(logprobs, (size_t)info->classes);
    csv_write_text(rows->file, info->class_name[loader_class(rows->answers->loader, i)]);
    fputc(',', rows->file);
    csv_write_text(rows->file, info->class_name[predicted]);
    fprintf(rows->file, ",%.6f\n", portable_exp((double)logprobs[predicted]));
}

/* path: (count), or NULL: images are called by split and number. */
static void out_put_rows(const struct out_rows *rows, char *const *path)
{
    const struct eval_answers *answers = rows->answers;
    const char *split = dataset_split_name[answers->loader->split];
    bool sets = answers->network->model.multi_label;
    fprintf(rows->file, OUT_PREDICTIONS_HEAD "\n");
    for (size_t i = 0; i < answers->count; i++) {
        if (path)
            csv_write_text(rows->file, path[i]);
        else
            fprintf(rows->file, "%s/%zu", split, i);
        fputc(',', rows->file);
        (sets ? out_put_sets : out_put_class)(rows, i);
    }
}

static enum status out_write_predictions(const struct eval_answers *answers,
                                         const char *file, const float *logprobs)
{
    const struct dataset_info *data = &answers->loader->dataset->info;
    struct fs_writer writer;
    char **path = NULL;
    if (data->has_paths)
        TRY(dataset_read_paths(data, answers->loader->split, &path));
    enum status st = fs_write_begin(&writer, file);
    if (st == ST_OK) {
        const struct out_rows rows = {answers, logprobs, writer.file};
        out_put_rows(&rows, path);
        st = fs_write_end(&writer);
    }
    if (path)
        fs_free_list(path, (int)answers->count);
    return st;
}

/* --- the files --- */

static enum status out_write_classes(const struct eval_answers *answers, const char *file,
                                     const float *logprobs)
{
    (void)logprobs;
    return eval_write_classes(answers, file);
}

static enum status out_write_measures(const struct eval_answers *answers,
                                      const char *file, const float *logprobs)
{
    (void)logprobs;
    return eval_write_measures(answers, file);
}

static const struct out_file {
    const char *name;
    struct target_kind kind;
    enum status (*write)(const struct eval_answers *answers, const char *file,
                         const float *logprobs);
} out_files[] = {
    {"report.csv", {"a table of classes", .head = EVAL_CLASSES_HEAD}, out_write_classes},
    {"measures.csv",
     {"a table of measures", .head = EVAL_MEASURES_HEAD},
     out_write_measures},
    {"predictions.csv",
     {"a table of predictions", .head = OUT_PREDICTIONS_HEAD},
     out_write_predictions},
};
#define OUT_FILES (sizeof out_files / sizeof *out_files)
#define OUT_H5    "predictions.h5"

static bool out_is_folder(const char *out)
{
    size_t length = strlen(out);
    return length > 0 && out[length - 1] == '/';
}

static enum status out_check_file(const char *folder, const char *name,
                                  const struct target_kind *kind, bool force,
                                  const char *const *input, int inputs)
{
    char path[FS_PATH];
    TRY(fs_join(path, folder, name));
    return output_check(path, force, kind, input, inputs);
}

/* The folder, if it is not there, is made when it is needed. */
static enum status out_check_folder(const char *out)
{
    char path[FS_PATH];
    if (snprintf(path, sizeof path, "%s", out) >= FS_PATH)
        FAIL(ST_USAGE, "path too long: '%s'", out);
    for (char *end = path + strlen(path); end > path + 1 && end[-1] == '/';)
        *--end = '\0';
    if (fs_is_file(path))
        FAIL(ST_USAGE, "'%s' cannot be a folder: it is a file", path);
    return ST_OK;
}

/* Cells of several classes have a ';' between them. */
static enum status out_check_names(const struct network *network)
{
    const struct checkpoint_info *info = &network->info;
    for (int c = 0; c < info->classes && network->model.multi_label; c++)
        if (strchr(info->class_name[c], ';'))
            FAIL(ST_USAGE,
                 "class '%s' has a ';' in its name, which stands between the classes of "
                 "an image in predictions.csv; write a file of predictions: --out F.h5",
                 info->class_name[c]);
    return ST_OK;
}

static enum status out_check_ending(const char *out)
{
    const char *dot = strrchr(out, '.');
    if (dot && (strcmp(dot, ".h5") == 0 || strcmp(dot, ".hdf5") == 0))
        return ST_OK;
    FAIL(ST_USAGE,
         "'--out %s': predictions are HDF5, FILE.h5; a folder, FOLDER/, gets CSV tables, "
         "too",
         out);
}

enum status eval_out_check(const struct network *network, const char *out, bool force,
                           const char *const *input, int inputs)
{
    if (!out_is_folder(out)) {
        TRY(output_check(out, force, &eval_predictions, input, inputs));
        return out_check_ending(out);
    }
    TRY(out_check_folder(out));
    TRY(out_check_names(network));
    if (!fs_is_folder(out))
        return ST_OK;
    for (size_t i = 0; i < OUT_FILES; i++)
        TRY(out_check_file(out, out_files[i].name, &out_files[i].kind, force, input,
                           inputs));
    return out_check_file(out, OUT_H5, &eval_predictions, force, input, inputs);
}

enum status eval_out_write(const struct eval_answers *answers, const char *out,
                           const float *logprobs)
{
    char path[FS_PATH];
    if (!out_is_folder(out))
        return eval_write_answers(answers, out, logprobs);
    TRY(fs_make_folder(out));
    for (size_t i = 0; i < OUT_FILES; i++) {
        TRY(fs_join(path, out, out_files[i].name));
        TRY(out_files[i].write(answers, path, logprobs));
    }
    TRY(fs_join(path, out, OUT_H5));
    return eval_write_answers(answers, path, logprobs);
}
