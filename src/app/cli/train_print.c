#include <stdlib.h>
#include <string.h>

#include "app/run/prepare.h"
#include "app/version.h"
#include "base/bytes.h"
#include "base/div.h"
#include "base/grain.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/shell.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "train/class_weights.h"
#include "train_data_notes.h"
#include "train_session.h"

/* Grains of a full batch, and of the replica with the most of them. */
static int train_grains(const struct train_session *session)
{
    const struct train_options *train = &session->config.run.train;
    return grain_count((uint64_t)train->batch, train->grain);
}

static int train_grains_share(const struct train_session *session)
{
    return div_up(train_grains(session), comm_size(session->stages.stage.peers));
}

static void train_print_changed(const char *line)
{
    log_out(" %s", line);
}

static void train_print_plan(const struct train_session *session)
{
    const struct tuning *tuning = &session->tuning;
    int share = train_grains_share(session);
    stages_print(&session->stages);
    log_out("%-10s %s (%s", "plan", plan_summary(&tuning->plan, share), tuning->source);
    if (tuning->result)
        log_out(" in %.1f s", tuning->seconds);
    log_out(")\n");
    if (plan_members(&tuning->plan, share) > 1) {
        char *text = plan_text(&tuning->plan, &session->model);
        log_out("%-10s %s\n", "", text);
        free(text);
    }
}

/* The algorithm by which ranks sum a piece of the gradient of the usual size. */
static void train_print_reduce(const struct train_session *session)
{
    const struct parallel_plan *plan = &session->tuning.plan;
    const struct stage *stage = &session->stages.stage;
    size_t params = stage->model->params;
    size_t piece = plan->bucket < params ? plan->bucket : params;
    const char *choice = comm_tree_choice(stage->peers, train_grains(session), piece);
    if (!choice)
        return;
    log_out("%-10s %s, in pieces of %s", "reduce", choice,
            bytes_text((double)(piece * sizeof(float))).text);
    if (strcmp(plan->reduce, "auto") != 0 && strcmp(plan->reduce, choice) != 0)
        log_out(" (%s does not apply)", plan->reduce);
    log_out("\n");
}

static void train_print_data(const struct train_session *session, const char *hash)
{
    const struct dataset_info *data = &session->dataset.info;
    const struct shape *shape = &data->shape, *in = &session->model.in;
    log_out("%-10s %s: %zu train", "data", data->path, data->count[DATASET_TRAIN]);
    if (data->count[DATASET_VAL] > 0)
        log_out(" + %zu val", data->count[DATASET_VAL]);
    log_out(" + %zu test images %dx%d%s, ", data->count[DATASET_TEST], shape->h, shape->w,
            shape->c == 1 ? "" : " RGB");
    if (!shape_equal(*shape, *in))
        log_out("of which the network sees %dx%d, ", in->h, in->w);
    log_out("%d classes, %s%s%s, hash %s\n", data->classes,
            dataset_weights_hash(&session->dataset) ? "weighted, " : "",
            session->config.run.input.sampling == SAMPLING_BALANCED ? "balanced, " : "",
            dataset_resident(&session->dataset, DATASET_TRAIN) ? "in memory" : "on disk",
            hash);
}

/* By which factors the loss counts the classes. */
static void train_print_class_weights(const struct train_session *session)
{
    if (!session->class_weight)
        return;
    char *text = class_weights_text(session->class_weight, &session->dataset.info);
    log_out("%-10s %s\n", "loss", text);
    free(text);
}

/* What the run begins with, and what of it learns. */
static void train_print_weights(const struct train_session *session)
{
    const struct model *model = &session->model;
    size_t all = model_param_count(model), learning = model_learning_count(model);
    if (session->pretrained_open) {
        char *text = pretrained_text(&session->pretrained, model);
        log_out("%-10s %s\n", "weights", text);
        free(text);
    }
    if (learning < all)
        log_out("%-10s %zu of %zu parameters\n", "learning", learning, all);
}

void train_print_header(const struct train_session *session)
{
    const struct dataset_info *data = &session->dataset.info;
    char hash[17], bits[POLICY_BITS];
    hash_text(data->hash, hash);
    log_out("lockstep %s\n%-10s lockstep train", app_version(), "command");
    for (int i = 0; i < session->request->argc; i++) {
        char *word = shell_word(session->request->argv[i]);
        log_out(" %s", word);
        free(word);
    }
    log_out("\n");
    placement_print(&session->placement);
    policy_bits_text(&session->config.model.policy, bits);
    log_out("%-10s %s, %s kernels\n", "cpu", cpu_model(), cpu_isa_name(cpu_isa()));
    log_out("%-10s %s\n", "bits", bits);
    log_out("%-10s %s, one thread per call; %s\n", "libraries", cpu_blas(),
            comm_version());
    train_print_data(session, hash);
    log_out("%-10s %d images a step; micro-batch (grain): %d images, %d a step\n",
            "batch", session->config.run.train.batch, session->config.run.train.grain,
            train_grains(session));
    log_out("%-10s %s, changed from the defaults:", "config", session->request->config);
    config_show_changed(&session->config, train_print_changed);
    log_out("\n");
    train_print_weights(session);
    train_print_class_weights(session);
    param_groups_print(&session->config.run.optim.groups, &session->model);
    log_out("%-10s %s\n", "run", session->folder.path);
    train_print_plan(session);
    train_print_reduce(session);
    if (session->deadline > 0)
        log_out("%-10s stops, to go on later, before %.0f s have passed\n", "limit",
                session->deadline - session->begin);
    log_out("\n");
    model_print(&session->model);
    log_out("\n");
}

static void train_note_idle(const struct train_session *session)
{
    int grains = train_grains(session), stages = session->stages.stage.count;
    int replicas = comm_size(session->stages.stage.peers);
    const char *unit = stages > 1 ? "replica" : "rank";
    if (replicas > grains)
        log_note("%d %ss but only %d grain%s in a batch: %d %s%s without work; raise "
                 "train.batch or lower train.grain",
                 replicas, unit, grains, grains > 1 ? "s" : "", replicas - grains, unit,
                 replicas - grains > 1 ? "s" : "");
    else if (stages > 1 && grains / replicas < stages)
        log_note(
            "%d stages but only %d grain%s of a batch for each replica: stages wait "
            "for each other most of the time; raise train.batch or lower train.grain",
            stages, grains / replicas, grains / replicas > 1 ? "s" : "");
}

/* Pools and strides that do not divide their input ignore its last rows and columns. */
static void train_note_unseen(const struct train_session *session)
{
    int rows, columns, h = session->model.in.h, w = session->model.in.w;
    const struct input_crop *crop = &session->config.run.input.crop;
    model_seen(&session->model, &rows, &columns);
    if ((rows < h || columns < w) && !crop->shift_x && !crop->shift_y)
        log_note(
            "the network sees only the first %d of %d rows and %d of %d columns: its "
            "pools and strides cut off the rest; centre what matters there with "
            "data.shift_x = %d and data.shift_y = %d, or pad",
            rows, h, columns, w, (columns - w) / 2, (rows - h) / 2);
}

/* On a single pixel only one tap of a kernel sees the image, and a stride has no
   effect. */
static void train_note_starved(const struct train_session *session)
{
    const struct shape *in = &session->model.in;
    struct shape least;
    const struct layer *layer = model_starved(&session->model, &least);
    if (!layer)
        return;
    log_note(
        "images of %dx%d are too small for this network's strides: %s (kernel %dx%d, "
        "stride %dx%d) reads a single pixel; use images of at least %dx%d",
        in->h, in->w, layer->name, layer->rows.size, layer->columns.size,
        layer->rows.stride, layer->columns.stride, least.h, least.w);
}

/* Samples of the smallest grain of a batch. */
static uint64_t train_least_grain(const struct train_session *session, uint64_t samples)
{
    int grain = session->config.run.train.grain;
    return samples / (uint64_t)grain_count(samples, grain);
}

/* The last batch of an epoch may be smaller than the others. */
static void train_note_statistics(const struct train_session *session)
{
    enum { FEW = 16 };
    const struct statistics *statistics = &session->model.statistics;
    uint64_t batch = (uint64_t)session->config.run.train.batch;
    uint64_t images = session->dataset.info.count[DATASET_TRAIN];
    uint64_t full = train_least_grain(session, batch < images ? batch : images);
    uint64_t last = images % batch ? train_least_grain(session, images % batch) : full;
    if (statistics->count > 0 && full > 1 && full < FEW)
        log_note(
            "batchnorm takes its statistics over grains of %llu images: fewer than %d "
            "make them noisy; raise train.grain, or use groupnorm",
            (unsigned long long)full, FEW);
    if (statistics->count > 0 && (full == 1 || last == 1))
        log_note("%s of one image: batchnorm uses its running statistics there",
                 full == 1 ? "grains are" : "the last batch of an epoch is");
}

/* A config may have layers for small images and others for large ones. */
static void train_note_small(const struct train_session *session)
{
    static const char condition[] = "if=input<=";
    const struct spec_lines *lines = &session->config.model.lines;
    const struct shape *in = &session->model.in;
    int side = in->h > in->w ? in->h : in->w;
    for (int i = 0; i < lines->count; i++) {
        const char *at = strstr(lines->text[i], condition);
        int most = at ? atoi(at + strlen(condition)) : 0;
        if (side > most)
            continue;
        log_note(
            "images of %dx%d: this network has other first layers for images of up to "
            "%d pixels (docs/networks.md)",
            in->h, in->w, most);
        return;
    }
}

static void train_note_warmup(const struct train_session *session)
{
    const struct schedule_options *schedule = &session->config.run.schedule;
    const struct train_options *train = &session->config.run.train;
    uint64_t images = session->dataset.info.count[DATASET_TRAIN];
    uint64_t steps = train_total_steps(train, images);
    double rise = schedule->warmup * (double)train_epoch_steps(train, images);
    bool triangle = schedule->kind == SCHEDULE_TRIANGLE;
    if (schedule->warmup == 0)
        return;
    if (triangle || schedule->kind == SCHEDULE_ONECYCLE)
        log_note("schedule.warmup has no effect: %s rises by itself, over the first "
                 "schedule.pct_start of the run",
                 triangle ? "triangle" : "onecycle");
    else if (steps > 1 && rise >= (double)steps)
        log_note("the run ends within schedule.warmup = %g: the rate rises in all of its "
                 "%llu steps; lower schedule.warmup",
                 schedule->warmup, (unsigned long long)steps);
}

static void train_note_lookahead(const struct train_session *session)
{
    const struct run_options *options = &session->config.run;
    const struct optim_options *optim = &options->optim;
    uint64_t images = session->dataset.info.count[DATASET_TRAIN];
    uint64_t steps = train_total_steps(&options->train, images);
    if (optim->lookahead == 0 && optim->lookahead_power > 0)
        log_note("optim.lookahead_power has no effect without optim.lookahead");
    if ((uint64_t)optim->lookahead > steps)
        log_note("optim.lookahead = %d is more than the run's %llu steps: %s",
                 optim->lookahead, (unsigned long long)steps,
                 optim->lookahead_power > 0
                     ? "with lookahead_power it ends with the weights it began with"
                     : "it has no effect");
}

/* Are the images those of a folder or list of pictures, and the file a cache? */
static bool train_is_imported(const struct train_session *session)
{
    return strcmp(session->config.data.file, session->dataset.info.path) != 0;
}

static bool train_sets(const struct train_request *request, const char *key)
{
    size_t length = strlen(key);
    for (int i = 0; i < request->set.count; i++) {
        const char *text = request->set.text[i];
        if (strncmp(text, key, length) == 0 && text[length] == '=')
            return true;
    }
    return false;
}

/* Only pictures are scaled, when they are imported; a config may have a size for them. */
static void train_note_size(const struct train_session *session)
{
    const struct train_request *request = session->request;
    const struct data_options *options = &session->config.data;
    const struct dataset_info *data = &session->dataset.info;
    const struct shape *shape = &data->shape, *in = &session->model.in;
    if (train_is_imported(session))
        return;
    if (train_sets(request, "data.size") && options->h > 0 &&
        (options->h != shape->h || options->w != shape->w))
        log_note("data.size has no effect: '%s' holds images of %dx%d", data->path,
                 shape->h, shape->w);
    if (request->image_size && !shape_equal(*shape, *in))
        log_note("the network sees a part of %dx%d of the images of '%s', which are "
                 "%dx%d; to scale them, import them with --size %s",
                 in->h, in->w, data->path, shape->h, shape->w, request->image_size);
}

/* Whoever chose only a small batch did not choose the grain. */
static void train_note_grain(const struct train_options *train)
{
    enum { DEFAULT = 32 };
    if (train->grain > train->batch && train->grain > DEFAULT)
        log_note("train.grain = %d is more than train.batch = %d: a step needs memory "
                 "for %d images, but has %d; lower train.grain",
                 train->grain, train->batch, train->grain, train->batch);
}

/* Training chooses by val; a test that was chosen by is a test no longer. */
static void train_note_choice(const struct train_session *session)
{
    const struct dataset_info *data = &session->dataset.info;
    bool imported = train_is_imported(session);
    if (session->folder.found) /* said when the run began */
        return;
    char *path = shell_path(data->path);
    if (data->count[dataset_choosing(data)] == 0)
        log_note("'%s' has no val and no test images: no evaluation", data->path);
    else if (data->count[DATASET_VAL] == 0)
        log_note("'%s' has no val images: evaluations use test, and best.h5 is chosen on "
                 "it, so that its accuracy is optimistic; to make a val split: %s%s%s",
                 data->path, imported ? "--set data.val=0.1" : "lockstep data split ",
                 imported ? "" : path, imported ? "" : " --val 10%");
    free(path);
}

void train_print_notes(struct train_session *session)
{
    train_note_idle(session);
    train_note_unseen(session);
    train_note_starved(session);
    train_note_small(session);
    train_note_size(session);
    train_note_grain(&session->config.run.train);
    train_note_statistics(session);
    train_note_warmup(session);
    train_note_lookahead(session);
    train_note_frozen(session);
    train_note_features(session);
    if (prepare_blas_advice())
        log_note("%s", prepare_blas_advice());
    train_note_choice(session);
    if (comm_rank(session->comm) == 0)
        train_note_data(&session->dataset, &session->config.run);
}

void train_print_checked(const struct train_session *session)
{
    log_out("checked: this can be trained%s; ",
            session->request->elsewhere ? " on machines with enough memory" : "");
    if (train_is_imported(session))
        log_out("only the imported pictures were kept, in '%s'\n",
                session->dataset.info.path);
    else
        log_out("nothing was touched\n");
}

/* A network trained in stages may not fit into one process: evaluate it in stages,
   too. */
void train_print_next(const struct train_session *session)
{
    char *run = shell_path(session->folder.path);
    char *data = shell_path(session->config.data.file);
    int stages = session->config.run.parallel.pipeline;
    log_out("run: %s (checkpoints/, last.h5, metrics.h5, metrics.csv, log.txt, "
            "config.conf); next: ",
            session->folder.path);
    if (stages > 1)
        log_out("mpirun -n %d lockstep eval %s --data %s --pipeline %d\n", stages, run,
                data, stages);
    else
        log_out("lockstep eval %s --data %s\n", run, data);
    free(run);
    free(data);
}
