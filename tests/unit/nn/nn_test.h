/*
 * nn_test: what the tests of layers and models share.
 */
#ifndef LOCKSTEP_TESTS_NN_TEST_H
#define LOCKSTEP_TESTS_NN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kernels/cpu.h"
#include "nn/packed.h"
#include "nn/workspace.h"

#define BENCH_THREADS 5 /* of a team, at most */

/* A network, one workspace, parameters, gradients, and a grain of random samples. */
struct bench {
    struct model model;
    struct workspace ws;
    float *params, *packed, *grads;
    struct grain_pass pass;
    struct grain_result result;
};

/* lines: NULL-terminated. */
static inline struct model_spec spec_of(const char *const *lines)
{
    struct model_spec spec = {0};
    for (int i = 0; lines[i]; i++) {
        char *where = mem_format("net.conf:%d", i + 1);
        model_spec_add(&spec, lines[i], where);
        free(where);
    }
    return spec;
}

static inline void fill_samples(const struct model *model, struct workspace *ws, int n,
                                uint64_t first)
{
    int size = shape_size(model->in);
    for (int i = 0; i < n; i++) {
        struct rng rng;
        ws->sample[i] = first + (uint64_t)i;
        rng_init(&rng, 5, RNG_TEST, 0, ws->sample[i]);
        ws->target[i] = target_of_class((int)rng_below(&rng, (uint32_t)model->classes));
        for (int j = 0; j < size; j++)
            ws->activation[0][i * size + j] = rng_normal(&rng);
    }
}

static inline void bench_init(struct bench *b, const char *const *lines, struct shape in,
                              int classes, int n)
{
    struct model_spec spec = spec_of(lines);
    *b = (struct bench){0};
    assert_int_equal(model_init(&b->model, &spec, in, classes, n), ST_OK);
    model_spec_release(&spec);
    workspace_init(&b->ws, &b->model, BENCH_THREADS);
    b->params = mem_aligned(b->model.params, sizeof *b->params);
    b->grads = mem_aligned(b->model.params, sizeof *b->grads);
    memset(b->grads, 0xff, b->model.params * sizeof *b->grads);
    model_init_params(&b->model, 11, b->params);
    b->packed = model_packed(&b->model, b->params);
    fill_samples(&b->model, &b->ws, n, 0);
    b->pass = (struct grain_pass){.team = {.size = 1},
                                  .n = n,
                                  .train = true,
                                  .seed = 7,
                                  .step = 3,
                                  .params = b->params,
                                  .packed = b->packed,
                                  .grads = b->grads};
}

static inline void bench_release(struct bench *b)
{
    workspace_release(&b->ws);
    model_release(&b->model);
    free(b->params);
    free(b->packed);
    free(b->grads);
}

/* Gives the samples sets of classes: sets (n, 1), of up to 8 classes. */
static inline void bench_use_sets(struct bench *b, uint8_t *sets)
{
    struct rng rng;
    rng_init(&rng, 5, RNG_TEST, 1, 0);
    for (int i = 0; i < b->pass.n; i++) {
        sets[i] = (uint8_t)rng_below(&rng, 1u << b->model.classes);
        b->ws.target[i].set = &sets[i];
    }
}

/* After the parameters have changed. */
static inline void bench_pack(struct bench *b)
{
    model_pack(&b->model, &(struct team){.size = 1}, 0, b->packed, b->params);
}

static inline void bench_forward(struct bench *b)
{
    bench_pack(b);
    model_forward(&b->model, &b->ws, &b->pass);
}

/* For a model without a bench. */
static inline void forward_packed(const struct model *model, struct workspace *ws,
                                  struct grain_pass pass)
{
    float *packed = model_packed(model, pass.params);
    pass.packed = packed;
    model_forward(model, ws, &pass);
    free(packed);
}

static inline void bench_step(struct bench *b)
{
    bench_forward(b);
    model_loss(&b->model, &b->ws, &b->pass, &b->result);
    model_backward(&b->model, &b->ws, &b->pass, NULL, NULL);
}

static inline const float *bench_logprobs(const struct bench *b)
{
    return b->ws.logprobs;
}

/* What model_init says on stderr for these lines; it must fail with ST_USAGE. */
static inline void spec_refused(const char *const *lines, struct shape in, char *message,
                                size_t bytes)
{
    struct model_spec spec = spec_of(lines);
    struct model model;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stderr);
    int keep = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    enum status st = model_init(&model, &spec, in, 10, 4);
    fflush(stderr);
    dup2(keep, STDERR_FILENO);
    close(keep);
    rewind(file);
    message[fread(message, 1, bytes - 1, file)] = '\0';
    fclose(file);
    model_spec_release(&spec);
    assert_int_equal(st, ST_USAGE);
}

static inline const struct layer *layer_named(const struct model *model, const char *name)
{
    for (int l = 0; l < model->layers; l++)
        if (strcmp(model->layer[l]->name, name) == 0)
            return model->layer[l];
    fail_msg("no layer '%s'", name);
    return NULL;
}

#endif
