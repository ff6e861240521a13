#include "predict_batch.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/portable_math.h"
#include "comm/comm.h"
#include "data/import_treatment.h"
#include "kernels/team.h"
#include "nn/packed.h"
#include "nn/workspace.h"
#include "predict_ink.h"
#include "train/blend.h"
#include "train/calibration.h"
#include "train/evaluate.h"

#define BATCH_TEXT       512 /* bytes of a row, about, without its classes */
#define BATCH_TEXT_CLASS 96
#define BATCH_GRAINS     4 /* of a thread: the larger, the less threads wait for others */

/* What the threads share while they decode. */
struct predict_decoding {
    struct predict_batch *batch;
    atomic_int next;
};

static size_t batch_bytes(const struct predict_batch *batch, int threads)
{
    const struct network *network = batch->network;
    const struct model *model = &batch->fold.model;
    size_t image = dataset_image_bytes(network->info.shape);
    size_t blend = (size_t)model->classes * sizeof(float);
    size_t answers = (size_t)model->classes * sizeof(struct predictions_class);
    /* Rendered, in a buffer that doubles, and on rank 0 that of all ranks. */
    size_t text = BATCH_TEXT + (size_t)batch->ask.top * BATCH_TEXT_CLASS;
    size_t picture =
        image + sizeof(struct prediction) + answers + text * (size_t)(2 + batch->ranks);
    return network->model.params * sizeof(float) + batch->fold.bytes +
           model->packed * sizeof(float) +
           (size_t)threads * (workspace_bytes(model, 1) + 2 * answers +
                              (size_t)model->grain * (blend + BATCH_GRAINS * picture));
}

/* What was not asked for is as the config says. */
static struct predict_ask batch_settle(const struct network *network,
                                       const struct predict_ask *asked)
{
    const struct eval_options *options = &network->config.run.eval;
    struct predict_ask ask = *asked;
    if (ask.views < 0)
        ask.views = options->views;
    if (ask.threshold < 0)
        ask.threshold = network->model.multi_label ? options->threshold : 0;
    if (ask.top == 0)
        ask.top = PREDICT_TOP;
    if (ask.top > network->info.classes)
        ask.top = network->info.classes;
    return ask;
}

/* Ranks of a node share its memory. */
static enum status batch_choose_threads(struct predict_batch *batch, struct comm *comm,
                                        int threads)
{
    double limit = (double)mem_limit();
    double shared = (double)mem_shared_limit() / comm_node_size(comm);
    limit = shared < limit ? shared : limit;
    while (threads > 1 && (double)batch_bytes(batch, threads) > limit)
        threads--;
    double bytes = (double)batch_bytes(batch, threads), negated[] = {-threads};
    enum status st = ST_OK;
    if (bytes > limit)
        st = status_fail(
            ST_USAGE,
            "predicting takes %s in this process, which may have %s (%s); give it more "
            "memory",
            bytes_text(bytes).text, bytes_text(limit).text, mem_limit_source());
    TRY(comm_agree(comm, st));
    comm_max_f64(comm, negated, 1);
    batch->threads = (int)-negated[0];
    return ST_OK;
}

enum status predict_batch_init(struct predict_batch *batch, struct comm *comm,
                               const struct network *network,
                               const struct predict_ask *ask, int threads)
{
    *batch =
        (struct predict_batch){.network = network, .ask = batch_settle(network, ask)};
    if (!treatment_parse(&batch->treatment, network->info.treatment))
        FAIL(ST_FAIL, "'%s' has a 'treatment' of pictures that cannot be understood",
             network->checkpoint);
    batch->ranks = comm_size(comm);
    fold_init(&batch->fold, &network->model, network->params);
    enum status st = batch_choose_threads(batch, comm, threads);
    if (st != ST_OK) {
        fold_release(&batch->fold);
        return st;
    }
    batch->most = batch->threads * network->model.grain * BATCH_GRAINS;
    batch->answer = mem_zeroed((size_t)batch->most, sizeof *batch->answer);
    batch->pixels =
        mem_zeroed((size_t)batch->most, dataset_image_bytes(network->info.shape));
    batch->packed = model_packed(&batch->fold.model, batch->fold.params);
    batch->ws = mem_aligned((size_t)batch->threads, sizeof *batch->ws);
    for (int t = 0; t < batch->threads; t++)
        workspace_init(&batch->ws[t], &batch->fold.model, 1);
    return ST_OK;
}

void predict_batch_release(struct predict_batch *batch)
{
    predict_batch_clear(batch);
    for (int t = 0; t < batch->threads; t++)
        workspace_release(&batch->ws[t]);
    free(batch->ws);
    free(batch->packed);
    free(batch->pixels);
    free(batch->answer);
    fold_release(&batch->fold);
    *batch = (struct predict_batch){0};
}

void predict_batch_add(struct predict_batch *batch, char *path)
{
    ASSERT(batch->count < batch->most);
    batch->answer[batch->count++].row.path = path;
}

void predict_batch_clear(struct predict_batch *batch)
{
    for (int i = 0; i < batch->count; i++) {
        predictions_row_release(&batch->answer[i].row);
        batch->answer[i] = (struct prediction){0};
    }
    batch->count = 0;
}

/* --- decoding --- */

static void batch_decode(const struct predict_batch *batch, struct prediction *answer,
                         uint8_t *pixels)
{
    const struct shape shape = batch->network->info.shape;
    const struct image_options options =
        treatment_reader(&batch->treatment, batch->ask.crop ? NULL : &shape);
    struct image image;
    char why[STATUS_TEXT] = "";
    status_capture(why);
    enum status st = image_read_file(&image, answer->row.path, &options, NULL);
    status_capture(NULL);
    if (st != ST_OK) {
        answer->row.error = mem_strdup(why);
        return;
    }
    answer->inverted = (batch->ask.crop ? predict_ink : treatment_apply)(
        &batch->treatment, &image, shape, pixels);
    image_release(&image);
}

/* Pictures differ in size: each thread takes the next one. */
static void batch_decode_in_thread(void *context, int thread)
{
    struct predict_decoding *decoding = context;
    struct predict_batch *batch = decoding->batch;
    size_t bytes = dataset_image_bytes(batch->network->info.shape);
    (void)thread;
    for (int i; (i = atomic_fetch_add(&decoding->next, 1)) < batch->count;)
        batch_decode(batch, &batch->answer[i], batch->pixels + (size_t)i * bytes);
}

/* --- classifying --- */

struct batch_class {
    int class;
    float logprob;
};

/* The most likely one first; of equally likely ones the first class. */
static int batch_by_probability(const void *a, const void *b)
{
    const struct batch_class *x = a, *y = b;
    if (x->logprob != y->logprob)
        return x->logprob < y->logprob ? 1 : -1;
    return x->class - y->class;
}

static void batch_keep_answers(const struct predict_batch *batch,
                               struct predictions_row *row, const float *logprobs)
{
    int classes = batch->network->info.classes, likely = 0;
    bool sets = batch->network->model.multi_label;
    struct batch_class *all = mem_zeroed((size_t)classes, sizeof *all);
    double least = batch->ask.threshold;
    float limit = least > 0 ? evaluation_limit(least) : -INFINITY;
    bool numbers = true;
    for (int c = 0; c < classes; c++) {
        all[c] = (struct batch_class){c, logprobs[c]};
        likely += logprobs[c] >= limit;
        numbers = numbers && logprobs[c] < INFINITY; /* not NAN */
    }
    if (!numbers) {
        row->error =
            mem_format("the network's answer to '%s' is not a number", row->path);
        free(all);
        return;
    }
    qsort(all, (size_t)classes, sizeof *all, batch_by_probability);
    row->labels = sets || likely == 0 ? likely : 1;
    row->listed = row->labels > batch->ask.top ? row->labels : batch->ask.top;
    row->list = mem_zeroed((size_t)row->listed, sizeof *row->list);
    for (int k = 0; k < row->listed; k++)
        row->list[k] = (struct predictions_class){all[k].class,
                                                  portable_exp((double)all[k].logprob)};
    free(all);
}

/* Those of places [first, first + count) of the batch that could be read, looked at in
   one way; returns how many. */
static int batch_load(const struct predict_batch *batch, float *x, int first, int count,
                      const struct view *view)
{
    const struct network *network = batch->network;
    const struct shape shape = network->info.shape, in = network->model.in;
    const struct loader_input input = network_input(network);
    size_t bytes = dataset_image_bytes(shape), size = (size_t)shape_size(in);
    int n = 0;
    for (int i = first; i < first + count; i++) {
        const uint8_t *pixels = batch->pixels + (size_t)i * bytes;
        if (batch->answer[i].row.error)
            continue;
        view_cut_moved(shape, in, view, pixels, x);
        loader_normalise(&input, in, x);
        x += size;
        n++;
    }
    return n;
}

/* The log-probabilities of these, from all views, are left in *ws; returns how many. */
static int batch_forward(const struct predict_batch *batch, struct workspace *ws,
                         int first, int count)
{
    const struct network *network = batch->network;
    const struct views views = views_of_set(batch->ask.views);
    struct grain_pass pass = {
        .team = {.size = 1}, .params = batch->fold.params, .packed = batch->packed};
    size_t answers = (size_t)count * (size_t)network->info.classes;
    float *sum = views.count > 1 ? mem_zeroed(answers, sizeof *sum) : NULL;
    for (int l = 0; l < views.count; l++) {
        pass.n = batch_load(batch, ws->activation[0], first, count, &views.view[l]);
        if (pass.n == 0)
            break;
        model_forward(&batch->fold.model, ws, &pass);
        if (sum)
            blend_add(&network->model, sum, ws->logprobs, pass.n, views.view[l].weight);
    }
    if (sum && pass.n > 0)
        blend_finish(&network->model, ws->logprobs, sum, pass.n);
    free(sum);
    if (network_temperature(network) > 0)
        calibration_apply(ws->logprobs, (size_t)pass.n, network->info.classes,
                          network_temperature(network));
    return pass.n;
}

/* Places [first, first + count) of the batch, as many as are in a grain; those that could
   not be read are left out. */
static void batch_classify(const struct predict_batch *batch, struct workspace *ws,
                           int first, int count)
{
    if (batch_forward(batch, ws, first, count) == 0)
        return;
    const float *logprobs = ws->logprobs;
    for (int i = first; i < first + count; i++) {
        if (batch->answer[i].row.error)
            continue;
        batch_keep_answers(batch, &batch->answer[i].row, logprobs);
        logprobs += batch->network->info.classes;
    }
}

/* Grains begin at multiples of their size, whatever the number of threads. */
static void batch_classify_in_thread(void *context, int thread)
{
    struct predict_batch *batch = context;
    int grain = batch->network->model.grain;
    for (int first = thread * grain; first < batch->count;
         first += batch->threads * grain) {
        int left = batch->count - first;
        batch_classify(batch, &batch->ws[thread], first, left < grain ? left : grain);
    }
}

void predict_batch_run(struct predict_batch *batch)
{
    struct predict_decoding decoding = {.batch = batch};
    team_run(batch->threads, batch_decode_in_thread, &decoding);
    team_run(batch->threads, batch_classify_in_thread, batch);
}
