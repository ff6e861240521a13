/* begin_data: weights that come from training images (nn/whiten.h). */
#include <stdlib.h>

#include "base/mem.h"
#include "base/where.h"
#include "comm/comm.h"
#include "nn/whiten.h"
#include "trainer_impl.h"

#define BEGIN_CHUNKS  8 /* that threads share between two reads of the file */
#define BEGIN_STRETCH (BEGIN_CHUNKS * WHITEN_CHUNK)

struct begin_whiten {
    const struct layer *layer;
    int threads;
    struct loader loader;
    uint64_t first, count; /* positions at hand */
    double *sum;           /* owned: (1 + BEGIN_CHUNKS, whiten_size): all, each chunk */
};

static double *begin_chunk_sum(const struct begin_whiten *whiten, int chunk)
{
    return whiten->sum + (size_t)(1 + chunk) * whiten_size(whiten->layer);
}

/* Adds a chunk of the positions at hand; x has room for an image. */
static void begin_add_chunk(const struct begin_whiten *whiten, int chunk, float *x)
{
    const struct loader *loader = &whiten->loader;
    uint64_t begin = (uint64_t)chunk * WHITEN_CHUNK;
    double *sum = begin_chunk_sum(whiten, chunk);
    struct loader_sample sample;
    for (size_t i = 0; i < whiten_size(whiten->layer); i++)
        sum[i] = 0;
    for (uint64_t i = begin; i < begin + WHITEN_CHUNK && i < whiten->count; i++) {
        if (loader_fill(loader, whiten->first + i, x, &sample))
            whiten_add(whiten->layer, sum, x);
        else
            dataset_fail(loader->dataset, loader->split, sample.number);
    }
}

static void begin_add_chunks(void *context, int thread)
{
    const struct begin_whiten *whiten = context;
    float *x = mem_aligned((size_t)shape_size(whiten->layer->in), sizeof *x);
    for (int chunk = thread; chunk < BEGIN_CHUNKS; chunk += whiten->threads)
        begin_add_chunk(whiten, chunk, x);
    free(x);
}

static enum status begin_add_images(struct begin_whiten *whiten, uint64_t images)
{
    size_t size = whiten_size(whiten->layer);
    for (whiten->first = 0; whiten->first < images; whiten->first += whiten->count) {
        uint64_t left = images - whiten->first;
        whiten->count = left < BEGIN_STRETCH ? left : BEGIN_STRETCH;
        TRY(loader_prepare(&whiten->loader, 0, whiten->first, whiten->count,
                           BEGIN_STRETCH));
        team_run(whiten->threads, begin_add_chunks, whiten);
        for (int chunk = 0; chunk < BEGIN_CHUNKS; chunk++)
            for (size_t i = 0; i < size; i++)
                whiten->sum[i] += begin_chunk_sum(whiten, chunk)[i];
    }
    return dataset_failure(whiten->loader.dataset);
}

/* Takes the first images of the first epoch, without augmentation. */
static enum status begin_whiten_layer(struct trainer *trainer, const struct layer *layer)
{
    const struct trainer_setup *setup = &trainer->run.setup;
    uint64_t images = setup->dataset->info.count[DATASET_TRAIN];
    struct begin_whiten whiten = {
        .layer = layer,
        .threads = trainer->stepper.crew.plan.threads,
        .sum = mem_zeroed((1 + BEGIN_CHUNKS) * whiten_size(layer), sizeof(double)),
    };
    images = images < WHITEN_IMAGES ? images : WHITEN_IMAGES;
    train_run_loader(&trainer->run, &whiten.loader, NULL);
    enum status st = begin_add_images(&whiten, images);
    if (st == ST_OK)
        whiten_weights(layer, whiten.sum, images, trainer->stepper.state.params);
    loader_release(&whiten.loader);
    free(whiten.sum);
    return st;
}

enum status begin_from_data(struct trainer *trainer)
{
    const struct train_run *run = &trainer->run;
    const struct model *model = run->model;
    enum status st = ST_OK;
    if (whiten_next(run->setup.model, 0) == run->setup.model->layers)
        return ST_OK;
    where_mark(WHERE_LOAD);
    for (int l = 0; stage_first(run->stage) && st == ST_OK; l++) {
        l = whiten_next(model, l);
        if (l == model->layers)
            break;
        st = begin_whiten_layer(trainer, model->layer[l]);
    }
    return comm_agree(run->setup.comm, st);
}
