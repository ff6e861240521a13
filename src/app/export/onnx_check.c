#include "app/export/onnx_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/export/onnx_run.h"
#include "base/bytes.h"
#include "base/div.h"
#include "base/mem.h"
#include "check_pictures.h"
#include "data/loader.h"
#include "kernels/cpu.h"
#include "kernels/team.h"
#include "nn/packed.h"
#include "nn/workspace.h"
#include "train/calibration.h"

#define CHECK_BATCH 8 /* images that a thread evaluates at a time */

/* Why a thread could not evaluate its pictures. */
struct check_failure {
    enum status status;
    char why[STATUS_TEXT];
};

/* What the threads share: each evaluates some of the pictures. */
struct check_job {
    const struct onnx_check_request *request;
    const struct onnx_model *model;
    const char *name;
    int pictures, threads;
    const uint8_t *pixels;         /* (pictures, h, w, c) */
    float *found;                  /* (pictures, classes) probabilities */
    struct check_failure *failure; /* (threads) */
};

void onnx_check_release(struct onnx_check *check)
{
    free(check->what);
    *check = (struct onnx_check){0};
}

static int check_classes(const struct onnx_check_request *request)
{
    return request->network->info.classes;
}

/* --- lockstep's answers --- */

/* expected: (pictures, classes) probabilities. */
static void check_expect(const struct onnx_check_request *request, int pictures,
                         const uint8_t *pixels, float *expected)
{
    const struct model *model = &request->fold->model;
    const struct shape image = request->network->info.shape, in = model->in;
    const struct loader_input input = network_input(request->network);
    double temperature = network_temperature(request->network);
    size_t bytes = dataset_image_bytes(image), size = (size_t)shape_size(in);
    float *packed = model_packed(model, request->fold->params);
    struct workspace ws;
    struct grain_pass pass = {
        .team = {.size = 1}, .params = request->fold->params, .packed = packed};
    workspace_init(&ws, model, 1);
    for (int first = 0; first < pictures; first += pass.n) {
        pass.n = pictures - first < model->grain ? pictures - first : model->grain;
        for (int i = 0; i < pass.n; i++) {
            float *x = ws.activation[0] + (size_t)i * size;
            view_cut(image, in, pixels + (size_t)(first + i) * bytes, x);
            loader_normalise(&input, in, x);
        }
        model_forward(model, &ws, &pass);
        if (temperature > 0)
            calibration_apply(ws.logprobs, (size_t)pass.n, model->classes, temperature);
        for (int i = 0; i < pass.n * model->classes; i++)
            expected[first * model->classes + i] = (float)exp((double)ws.logprobs[i]);
    }
    workspace_release(&ws);
    free(packed);
}

/* --- the model's answers --- */

/* Channel-first, if the model wants that. */
static void check_lay_out(const struct onnx_check_request *request, uint8_t *to,
                          const uint8_t *from)
{
    const struct shape shape = request->network->info.shape;
    size_t pixels = (size_t)shape.h * (size_t)shape.w, channels = (size_t)shape.c;
    bool planes = request->layout == ONNX_NCHW;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < channels; c++)
            to[planes ? c * pixels + i : i * channels + c] = from[i * channels + c];
}

/* The probabilities of pictures [first, first + count). */
static enum status check_evaluate(const struct check_job *job, int first, int count)
{
    const struct onnx_check_request *request = job->request;
    const struct shape shape = request->network->info.shape;
    size_t bytes = dataset_image_bytes(shape), n = (size_t)count;
    size_t h = (size_t)shape.h, w = (size_t)shape.w, c = (size_t)shape.c;
    size_t answers = n * (size_t)check_classes(request);
    uint8_t *pixels = mem_zeroed(n, bytes);
    struct onnx_array output[2], input = {.type = ONNX_UINT8,
                                          .dims = 4,
                                          .dim = {n, h, w, c},
                                          .count = n * bytes,
                                          .values = pixels};
    if (request->layout == ONNX_NCHW)
        memcpy(input.dim, (size_t[]){n, c, h, w}, 4 * sizeof(size_t));
    for (int i = 0; i < count; i++)
        check_lay_out(request, pixels + (size_t)i * bytes,
                      job->pixels + (size_t)(first + i) * bytes);
    enum status st = onnx_run(job->model, job->name, &input, output);
    free(pixels);
    TRY(st);
    if (output[1].count == answers)
        memcpy(job->found + (size_t)first * (size_t)check_classes(request),
               output[1].values, answers * sizeof(float));
    else
        st = status_fail(ST_FAIL, "'%s' gives %zu probabilities and not %zu", job->name,
                         output[1].count, answers);
    onnx_array_release(&output[0]);
    onnx_array_release(&output[1]);
    return st;
}

static void check_in_thread(void *context, int thread)
{
    struct check_job *job = context;
    int begin = job->pictures * thread / job->threads;
    int end = job->pictures * (thread + 1) / job->threads;
    struct check_failure *failure = &job->failure[thread];
    status_capture(failure->why);
    for (int n; begin < end && failure->status == ST_OK; begin += n) {
        n = end - begin < CHECK_BATCH ? end - begin : CHECK_BATCH;
        failure->status = check_evaluate(job, begin, n);
    }
    status_capture(NULL);
}

/* Threads that evaluate the file, CHECK_BATCH pictures each at a time. */
static int check_threads(int pictures)
{
    int batches = div_up(pictures, CHECK_BATCH);
    return cpu_usable() < batches ? cpu_usable() : batches;
}

static enum status check_find(const struct onnx_check_request *request, const char *file,
                              const char *name, int pictures, const uint8_t *pixels,
                              float *found)
{
    struct onnx_model model;
    int threads = check_threads(pictures);
    TRY(onnx_read(&model, file));
    enum status st = ST_OK;
    struct check_failure *failure = mem_zeroed((size_t)threads, sizeof *failure);
    struct check_job job = {.request = request,
                            .model = &model,
                            .name = name,
                            .pictures = pictures,
                            .threads = threads,
                            .pixels = pixels,
                            .found = found,
                            .failure = failure};
    if (model.outputs == 2 && strcmp(model.output[1].name, ONNX_GRAPH_PROBABILITIES) == 0)
        team_run(threads, check_in_thread, &job);
    else
        st = status_fail(ST_FAIL, "'%s' has other outputs", name);
    for (int i = 0; i < threads && st == ST_OK; i++)
        if (failure[i].status != ST_OK)
            st = status_fail(failure[i].status, "%s", failure[i].why);
    free(failure);
    onnx_release(&model);
    return st;
}

/* --- both --- */

/* INFINITY: something is not a number. */
static double check_difference(const float *a, const float *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= most))
            most = isnan(difference) ? INFINITY : difference;
    }
    return most;
}

static enum status check_compare(struct onnx_check *check,
                                 const struct onnx_check_request *request,
                                 const char *file, const char *name,
                                 const uint8_t *pixels)
{
    size_t answers = (size_t)check->pictures * (size_t)check_classes(request);
    float *expected = mem_zeroed(answers, sizeof *expected);
    float *found = mem_zeroed(answers, sizeof *found);
    check_expect(request, check->pictures, pixels, expected);
    enum status st = check_find(request, file, name, check->pictures, pixels, found);
    if (st == ST_OK)
        check->most = check_difference(expected, found, answers);
    free(expected);
    free(found);
    return st;
}

/* The weights as they are read back, the pass of a grain, and in each thread as much for
   its pictures, whose values are all kept. */
static enum status check_memory(const struct onnx_check_request *request)
{
    const struct model *model = &request->fold->model;
    double weights = (double)request->network->model.params * sizeof(float);
    double image = 0;
    for (int l = 0; l < model->layers; l++)
        image += (double)shape_size(model->layer[l]->out) * sizeof(float);
    double bytes = 4 * weights + (double)model->packed * sizeof(float) +
                   (double)workspace_bytes(model, 1) +
                   2 * image * CHECK_BATCH * check_threads(request->pictures);
    if (bytes > (double)mem_limit())
        FAIL(ST_USAGE,
             "checking the file takes %s in this process, which may have %s (%s): give "
             "it more memory, or --verify 0",
             bytes_text(bytes).text, bytes_text((double)mem_limit()).text,
             mem_limit_source());
    return ST_OK;
}

enum status onnx_check(struct onnx_check *check, const struct onnx_check_request *request,
                       const char *file, const char *name)
{
    *check = (struct onnx_check){0};
    TRY(check_memory(request));
    uint8_t *pixels = mem_zeroed((size_t)request->pictures,
                                 dataset_image_bytes(request->network->info.shape));
    check->pictures =
        check_pictures(request->network, request->pictures, pixels, &check->what);
    enum status st = check_compare(check, request, file, name, pixels);
    free(pixels);
    if (st == ST_OK && !(check->most <= ONNX_CHECK_LIMIT))
        st = status_fail(ST_FAIL,
                         "'%s' was not kept: on %d %s a probability differs from "
                         "lockstep's by %.1e, more than %.0e",
                         name, check->pictures, check->what, check->most,
                         ONNX_CHECK_LIMIT);
    if (st != ST_OK)
        onnx_check_release(check);
    return st;
}
