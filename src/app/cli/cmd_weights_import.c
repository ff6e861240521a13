/* lockstep weights import: weights of another program become a checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/config/config.h"
#include "app/run/network.h"
#include "app/run/normal.h"
#include "app/run/output.h"
#include "app/run/run_files.h"
#include "app/run/weights_match.h"
#include "app/version.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "cmd_weights.h"
#include "data/treatment.h"
#include "io/target.h"
#include "kernels/cpu.h"
#include "kernels/vector.h"
#include "nn/named_network.h"
#include "train/checkpoint.h"
#include "weights_classes.h"

#define WEIGHTS_LEAST_PIXELS 2.0 /* of mean or deviation */

struct weights_request {
    const char *file, *network, *out, *preprocess, *size, *classes, *ignore;
    long long channels; /* 0: the network's own */
    bool force;
};

struct weights_session {
    const struct weights_request *request;
    const struct named_network *named; /* NULL: the network is a config of the user's */
    struct arrays *file;
    struct config config;
    struct shape image, in; /* in: the part of an image that the network sees */
    struct model model;
    struct weights_match match;
    float *params; /* owned: (model.params) */
    struct checkpoint_info info;
};

/* --- what is asked for --- */

/* In units of white. */
static const double torchvision_mean[DATASET_CHANNELS] = {0.485, 0.456, 0.406};
static const double torchvision_std[DATASET_CHANNELS] = {0.229, 0.224, 0.225};

/* Mean and deviation of images from 0 to 1 are below these. (Some networks of Caffe have
   a deviation of 1 pixel, but means of about 100.) */
static enum status import_check_units(const char *text, int channels,
                                      const struct checkpoint_info *info)
{
    const double least = WEIGHTS_LEAST_PIXELS / 255;
    bool pixels = false;
    for (int c = 0; c < channels; c++)
        pixels = pixels || info->mean[c] >= least || info->std[c] >= least;
    if (!pixels)
        FAIL(ST_USAGE,
             "'--preprocess %s': this looks like units of white, 0 to 1; expected units "
             "of pixels: multiply all numbers by 255",
             text);
    return ST_OK;
}

/* MEAN,STD: one number of each, or one for each channel of each. */
static enum status import_read_numbers(const char *text, int channels,
                                       struct checkpoint_info *info)
{
    int commas = 0;
    for (const char *c = text; *c; c++)
        commas += *c == ',';
    if (commas != 1 && commas != 2 * channels - 1)
        FAIL(ST_USAGE,
             "'--preprocess %s': expected torchvision, or MEAN,STD in units of pixels (0 "
             "to 255), one number or %d of each",
             text, channels);
    char *copy = mem_strdup(text), *middle = copy;
    for (int i = 0; i < (commas + 1) / 2; i++)
        middle = strchr(middle, ',') + 1;
    middle[-1] = '\0';
    enum status st = normal_read("--preprocess: mean", copy, channels, false, info->mean);
    if (st == ST_OK)
        st = normal_read("--preprocess: std", middle, channels, true, info->std);
    free(copy);
    return st == ST_OK ? import_check_units(text, channels, info) : st;
}

static enum status import_read_preprocess(struct weights_session *session)
{
    const char *text = session->request->preprocess;
    struct checkpoint_info *info = &session->info;
    int channels = session->in.c;
    if (!text)
        FAIL(ST_USAGE,
             "how were the images normalised that these weights were trained on? "
             "--preprocess torchvision (those of torchvision, most of timm's), or "
             "MEAN,STD in units of pixels, like 127,128");
    if (strcmp(text, "torchvision") != 0)
        return import_read_numbers(text, channels, info);
    if (channels != DATASET_CHANNELS)
        FAIL(ST_USAGE,
             "'--preprocess torchvision' is for colour images, and this network "
             "takes grey ones");
    memcpy(info->mean, torchvision_mean, sizeof info->mean);
    memcpy(info->std, torchvision_std, sizeof info->std);
    return ST_OK;
}

static enum status import_crop(struct weights_session *session)
{
    const struct input_crop *crop = &session->config.run.input.crop;
    const struct shape *image = &session->image;
    if (!input_crop_shape(crop, *image, &session->in))
        FAIL(ST_USAGE,
             "'%s' has data.input = %dx%d, which is larger than images of %dx%d; give "
             "--size as in the training",
             session->request->network, crop->h, crop->w, image->h, image->w);
    return ST_OK;
}

static enum status import_read_network(struct weights_session *session)
{
    const struct weights_request *request = session->request;
    struct config *config = &session->config;
    int h = 0, w = 0;
    TRY(config_read(config, request->network));
    session->named = named_network_find(request->network);
    if (fs_is_file(request->network))
        session->named = NULL;
    struct shape *image = &session->image;
    *image = (struct shape){config->data.h, config->data.w,
                            config->data.channels == 1 ? 1 : DATASET_CHANNELS};
    if (session->named)
        *image = session->named->in;
    if (request->size && !parse_size(request->size, 1, INT16_MAX, &h, &w))
        FAIL(ST_USAGE, "'--size %s': expected pixels, like 224 or 192x256",
             request->size);
    if (request->channels != 0 && request->channels != 1 &&
        request->channels != DATASET_CHANNELS)
        FAIL(ST_USAGE, "'--channels %lld': expected 1 (grey) or %d (RGB)",
             request->channels, DATASET_CHANNELS);
    if (request->size) {
        image->h = h;
        image->w = w;
    }
    if (request->channels > 0)
        image->c = (int)request->channels;
    if (image->h == 0)
        FAIL(ST_USAGE, "'%s' does not say how large its images are: add --size N or HxW",
             request->network);
    return import_crop(session);
}

/* --- the network --- */

static enum status import_build(struct weights_session *session, int classes)
{
    model_release(&session->model);
    return model_init(&session->model, &session->config.model, session->in, classes,
                      session->config.run.train.grain);
}

static enum status import_match_names(struct weights_session *session, int classes)
{
    const struct weights_request *request = session->request;
    const char *network = session->named ? session->named->name : "";
    TRY(import_build(session, classes));
    weights_match_release(&session->match);
    return weights_match(&session->match, session->file, request->file, &session->model,
                         network, request->ignore);
}

/* The file says how many classes there are, on which shapes depend, and also layers with
   if=. */
static enum status import_match(struct weights_session *session)
{
    int classes = session->named ? session->named->classes : 2;
    TRY(import_match_names(session, classes));
    if (session->match.classes != classes)
        TRY(import_match_names(session, session->match.classes));
    return weights_match_shapes(&session->match, session->file, session->request->file,
                                &session->model);
}

/* --- the weights --- */

static bool import_is_negative(const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] < 0)
            return true;
    return false;
}

static enum status import_check_values(const struct weights_session *session, int i,
                                       const struct layer_tensor *tensor,
                                       const float *values)
{
    const char *name = arrays_at(session->file, session->match.array[i])->name;
    if (!vector_finite(values, tensor->count))
        FAIL(ST_USAGE, "'%s': '%s' holds NaN or infinite values", session->request->file,
             name);
    if (strcmp(tensor->name, "running_var") == 0 &&
        import_is_negative(values, tensor->count))
        FAIL(ST_USAGE, "'%s': '%s' holds variances below 0", session->request->file,
             name);
    return ST_OK;
}

static enum status import_read_weights(struct weights_session *session)
{
    const struct model *model = &session->model;
    session->params = mem_aligned(model->params, sizeof(float));
    memset(session->params, 0, model->params * sizeof(float));
    const struct run_state state = {.params = session->params};
    float *values = mem_zeroed(state_largest(model), sizeof *values);
    enum status st = ST_OK;
    for (int i = 0; i < session->match.tensors && st == ST_OK; i++) {
        const struct layer *layer;
        int number;
        const struct layer_tensor *tensor = weights_tensor(model, i, &layer, &number);
        st = arrays_read(session->file, session->match.array[i], values);
        if (st == ST_OK)
            st = import_check_values(session, i, tensor, values);
        if (st == ST_OK)
            state_take(model, &state, (struct tensor_name){0, layer->index, number},
                       values);
    }
    free(values);
    return st;
}

static void import_number_classes(struct checkpoint_info *info)
{
    for (int c = 0; c < info->classes; c++)
        info->class_name[c] = mem_format("%d", c);
}

/* --- the checkpoint --- */

static enum status import_fill_info(struct weights_session *session)
{
    const struct weights_request *request = session->request;
    struct checkpoint_info *info = &session->info;
    const struct run_state state = {.params = session->params};
    char treatment[TREATMENT_TEXT], bits[POLICY_BITS];
    const struct dataset_treatment treated = {
        .recorded = true,
        .fit = (enum treatment_fit)session->config.data.fit,
        .background = TREATMENT_BORDER};
    treatment_text(&treated, treatment);
    policy_bits_text(&session->config.model.policy, bits);
    info->config = config_text(&session->config);
    info->shape = session->image;
    info->treatment = mem_strdup(treatment);
    info->decoder = mem_strdup("");
    info->lockstep = mem_strdup(app_version());
    info->mpi = mem_strdup("");
    info->blas = mem_strdup("");
    info->isa = mem_strdup(cpu_isa_name(cpu_isa()));
    info->bits = mem_strdup(bits);
    info->plan = mem_strdup("");
    info->state = run_state_hash(&state, &session->model, 0);
    info->classes = session->model.classes;
    info->class_name = mem_zeroed((size_t)info->classes, sizeof *info->class_name);
    if (request->classes)
        return weights_read_classes(request->classes, info->classes, info->class_name);
    import_number_classes(info);
    return ST_OK;
}

static enum status import_write(const struct weights_session *session)
{
    const struct model *model = &session->model;
    const struct run_state state = {.params = session->params};
    struct state_store store = {model, &state};
    const struct state_stream stream = state_stream_of(&store);
    struct metrics metrics;
    metrics_init(&metrics, model->classes);
    metrics.sets = model->multi_label;
    enum status st = checkpoint_write(session->request->out, &session->info, model,
                                      &state, &stream, &metrics);
    metrics_release(&metrics);
    return st;
}

/* --- what is told --- */

/* Without names every pair is shown. */
static void import_print_pairs(const struct weights_session *session)
{
    for (int i = 0; i < session->match.tensors; i++) {
        char *name = weights_tensor_name(&session->model, i);
        log_out("  %s <- %s\n", name,
                arrays_at(session->file, session->match.array[i])->name);
        free(name);
    }
}

static void import_print(const struct weights_session *session)
{
    const struct weights_request *request = session->request;
    const struct weights_match *match = &session->match;
    const struct shape *image = &session->image, *in = &session->in;
    if (*match->names) {
        log_out("%s: %d tensors of '%s' by %s names", request->out, match->tensors,
                request->file, match->names);
    } else {
        log_out("no name of '%s' is one of this network's: its arrays are taken in their "
                "order, and all shapes fit:\n",
                request->file);
        import_print_pairs(session);
        log_out("%s: %d tensors of '%s' in their order", request->out, match->tensors,
                request->file);
    }
    log_out(", %d classes, %zu parameters, for %s images of %dx%d",
            session->model.classes, model_param_count(&session->model),
            network_colour(*image), image->h, image->w);
    if (!shape_equal(*image, *in))
        log_out(", of which it sees %dx%d", in->h, in->w);
    log_out("\n");
}

static enum status import_run(struct weights_session *session)
{
    const struct weights_request *request = session->request;
    static const struct target_kind kind = {"a checkpoint", .format = CHECKPOINT_FORMAT};
    const char *const inputs[] = {request->file, request->classes,
                                  session->named ? NULL : request->network};
    TRY(import_read_network(session));
    TRY(import_read_preprocess(session));
    TRY(output_check(request->out, request->force, &kind, inputs, 3));
    TRY(arrays_open(&session->file, request->file));
    TRY(import_match(session));
    TRY(import_read_weights(session));
    TRY(import_fill_info(session));
    TRY(import_write(session));
    import_print(session);
    return ST_OK;
}

static void import_close(struct weights_session *session)
{
    checkpoint_info_release(&session->info);
    free(session->params);
    weights_match_release(&session->match);
    model_release(&session->model);
    config_release(&session->config);
    arrays_close(session->file);
}

enum status cmd_weights_import(int argc, char **argv)
{
    struct weights_request request = {0};
    const struct cli_option options[] = {
        {"as", CLI_TEXT, &request.network, "NETWORK",
         "the network that the weights are of: a name (see 'lockstep models') or a "
         "config"},
        {"out", CLI_TEXT, &request.out, "FILE", "the checkpoint to write"},
        {"preprocess", CLI_TEXT, &request.preprocess, "torchvision|MEAN,STD",
         "how images were normalised for these weights: as torchvision does, or (x - "
         "MEAN) "
         "/ STD of pixels x from 0 to 255; one number of each, or three of each"},
        {"size", CLI_TEXT, &request.size, "N|HxW",
         "pixels of the images they were trained on, default the network's own"},
        {"channels", CLI_INT, &request.channels, "1|3",
         "grey or RGB images, default the network's own"},
        {"classes", CLI_TEXT, &request.classes, "FILE",
         "the names of the classes, one a line, default numbers from 0"},
        {"ignore", CLI_TEXT, &request.ignore, "PATTERN",
         "arrays that are not needed: names with *, ? and [...], and commas in between"},
        {"force", CLI_FLAG, &request.force, NULL, "replace FILE if it exists"},
        {0},
    };
    const struct cli_command command = {
        "weights import", "FILE", 1, 1,
        "Make a checkpoint of the weights in FILE (safetensors, .npz or HDF5), to be\n"
        "fine-tuned (train --pretrained), evaluated or used for predictions. Arrays are\n"
        "found by the names of torchvision, timm and EfficientNet-PyTorch."};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request.file, &count));
    if (count < 0)
        return ST_OK;
    if (!request.network)
        FAIL(ST_USAGE, "which network are the weights of? --as NAME, see 'lockstep "
                       "models'");
    struct weights_session session = {.request = &request};
    config_init(&session.config);
    enum status st = import_run(&session);
    import_close(&session);
    return st;
}
