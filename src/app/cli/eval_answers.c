#include "eval_answers.h"

#include <math.h>
#include <stdlib.h>

#include "base/label_set.h"
#include "base/mem.h"
#include "io/h5file.h"
#include "kernels/vector.h"

#define EVAL_FORMAT "lockstep-predictions"

const struct target_kind eval_predictions = {"a file of predictions",
                                             .format = EVAL_FORMAT};

/* --- the file --- */

static enum status answers_write_classes(const struct eval_answers *answers,
                                         struct h5file *file, const float *logprobs)
{
    size_t count = answers->count, classes = (size_t)answers->network->info.classes;
    uint16_t *predicted = mem_zeroed(count, sizeof *predicted);
    uint16_t *labels = mem_zeroed(count, sizeof *labels);
    for (size_t i = 0; i < count; i++) {
        predicted[i] = (uint16_t)vector_argmax(logprobs + i * classes, classes);
        labels[i] = (uint16_t)loader_class(answers->loader, i);
    }
    enum status st;
    TRY_TO(out, h5file_write(file, "/logprobs", H5FILE_F32, 2, (size_t[]){count, classes},
                             logprobs));
    TRY_TO(out,
           h5file_write(file, "/predicted", H5FILE_U16, 1, (size_t[]){count}, predicted));
    TRY_TO(out, h5file_write(file, "/labels", H5FILE_U16, 1, (size_t[]){count}, labels));
out:
    free(predicted);
    free(labels);
    return st;
}

/* Sets as 0 and 1, for other programs. */
static enum status answers_write_sets(const struct eval_answers *answers,
                                      struct h5file *file, const float *logprobs)
{
    size_t count = answers->count, classes = (size_t)answers->network->info.classes;
    const size_t dim[] = {count, classes};
    float limit = evaluation_limit(answers->threshold);
    float *p = mem_zeroed(count * classes, sizeof *p);
    uint8_t *predicted = mem_zeroed(count, classes), *labels = mem_zeroed(count, classes);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *set = loader_label_set(answers->loader, i);
        for (size_t c = 0; c < classes; c++) {
            size_t at = i * classes + c;
            p[at] = (float)exp((double)logprobs[at]);
            predicted[at] = logprobs[at] >= limit;
            labels[at] = label_set_has(set, (int)c);
        }
    }
    enum status st;
    TRY_TO(out, h5file_put_f64(file, "/", "threshold", answers->threshold));
    TRY_TO(out, h5file_write(file, "/probabilities", H5FILE_F32, 2, dim, p));
    TRY_TO(out, h5file_write(file, "/predicted", H5FILE_U8, 2, dim, predicted));
    TRY_TO(out, h5file_write(file, "/labels", H5FILE_U8, 2, dim, labels));
out:
    free(p);
    free(predicted);
    free(labels);
    return st;
}

static enum status answers_write_head(const struct eval_answers *answers,
                                      struct h5file *file)
{
    const struct checkpoint_info *info = &answers->network->info;
    const char *split = dataset_split_name[answers->loader->split];
    TRY(h5file_put_text(file, "/", "format", EVAL_FORMAT));
    TRY(h5file_put_text(file, "/", "checkpoint", answers->checkpoint));
    TRY(h5file_put_text(file, "/", "data", answers->data));
    TRY(h5file_put_text(file, "/", "split", split));
    return h5file_put_texts(file, "/", "classes", info->class_name, info->classes);
}

enum status eval_write_answers(const struct eval_answers *answers, const char *path,
                               const float *logprobs)
{
    bool sets = answers->network->model.multi_label;
    struct h5file *file;
    TRY(h5file_create(&file, path));
    enum status st = answers_write_head(answers, file);
    if (st == ST_OK)
        st = (sets ? answers_write_sets : answers_write_classes)(answers, file, logprobs);
    if (st == ST_OK)
        st = h5file_commit(file);
    h5file_close(file);
    return st;
}

size_t eval_write_bytes(const struct model *model, size_t count)
{
    size_t answers = count * (size_t)model->classes;
    return model->multi_label ? answers * (sizeof(float) + 2)
                              : 2 * count * sizeof(uint16_t);
}
