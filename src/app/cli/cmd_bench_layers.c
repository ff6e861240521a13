/* bench layers: each layer of a network, pass by pass, relative to the peak of a core. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "cmd_bench.h"
#include "kernels/peak.h"
#include "lab/layers.h"

struct bench_peaks {
    double registers, sgemm;
};

static void bench_layer_cells(struct table *table, double seconds, double dense,
                              double truly, const struct bench_peaks *peaks)
{
    table_cellf(table, "%.2f", seconds * 1e6);
    if (truly <= 0) {
        for (int i = 0; i < 4; i++)
            table_cellf(table, "%s", "");
        return;
    }
    table_cellf(table, "%.1f", dense / seconds * 1e-9);
    table_cellf(table, "%.1f", truly / seconds * 1e-9);
    table_cellf(table, "%.0f", 100 * truly / seconds / peaks->registers);
    table_cellf(table, "%.0f", 100 * truly / seconds / peaks->sgemm);
}

/* The algorithms of a convolution's pass. Backward has two gradients. */
static void bench_layer_algorithm(struct table *table, const struct layer_time *t,
                                  bool back)
{
    const struct conv_algorithm *first = t->algorithm[back ? CONV_WEIGHT : CONV_FORWARD];
    const struct conv_algorithm *data = back ? t->algorithm[CONV_DATA] : NULL;
    if (!first)
        table_cellf(table, "%s", "");
    else if (!data || strcmp(data->name, first->name) == 0)
        table_cellf(table, "%s", first->name);
    else
        table_cellf(table, "%s, dx %s", first->name, data->name);
}

static void bench_layer_rows(struct table *table, const struct layer_time *t,
                             const struct bench_peaks *peaks)
{
    table_cellf(table, "%s", t->name);
    table_cellf(table, "forward");
    bench_layer_algorithm(table, t, false);
    bench_layer_cells(table, t->forward, t->work.dense_forward, t->work.true_forward,
                      peaks);
    table_cellf(table, "%zu", t->stored);
    table_cellf(table, "%s", "");
    table_cellf(table, "backward");
    bench_layer_algorithm(table, t, true);
    bench_layer_cells(table, t->backward, t->work.dense_backward, t->work.true_backward,
                      peaks);
    table_cellf(table, "%s", "");
}

static void bench_print_layers(const struct model *model, const struct layer_time *times,
                               const struct bench_peaks *peaks)
{
    struct table table;
    double total = 0;
    size_t stored = 0, images = (size_t)shape_size(model->in) * sizeof(float);
    table_init(&table, "<layer", "<pass", "<algorithm", ">us/image", ">GFLOP/s dense",
               ">true", ">% of registers", ">% of sgemm", ">bytes stored", NULL);
    for (int o = 0; o < model->ops; o++) {
        bench_layer_rows(&table, &times[o], peaks);
        total += times[o].forward + times[o].backward;
        stored += times[o].stored;
    }
    table_print(&table);
    table_release(&table);
    log_out("\nall layers, forward and backward: %.1f us/image on one core\n",
            total * 1e6);
    log_out("stored from forward to backward: %zu bytes/image, and %zu of the image\n",
            stored, images);
}

/* --- as JSON --- */

static void bench_layers_json_pass(const char *pass, double seconds, double dense,
                                   double truly)
{
    log_out("   \"%s_us\": %.3f, \"%s_dense_gflop\": %.6f, \"%s_true_gflop\": %.6f,\n",
            pass, seconds * 1e6, pass, dense * 1e-9, pass, truly * 1e-9);
}

static void bench_layers_print_json(const struct model *model,
                                    const struct layer_time *times,
                                    const struct bench_peaks *peaks)
{
    log_out("[\n");
    for (int o = 0; o < model->ops; o++) {
        const struct layer_time *t = &times[o];
        log_out("  {\"layer\": \"%s\",", t->name);
        for (int pass = 0; pass < CONV_PASSES; pass++)
            if (t->algorithm[pass])
                log_out(" \"%s_algorithm\": \"%s\",",
                        conv_pass_name((enum conv_pass)pass), t->algorithm[pass]->name);
        log_out("\n");
        bench_layers_json_pass("forward", t->forward, t->work.dense_forward,
                               t->work.true_forward);
        bench_layers_json_pass("backward", t->backward, t->work.dense_backward,
                               t->work.true_backward);
        log_out("   \"stored_bytes\": %zu, \"peak_gflops_per_core\": %.2f}%s\n",
                t->stored, peaks->registers * 1e-9, o + 1 < model->ops ? "," : "");
    }
    log_out("]\n");
}

enum status bench_layers(const struct bench_request *request)
{
    struct bench_network network;
    enum status st;
    TRY_TO(out, bench_network_init(&network, request));
    const struct model *model = &network.model;
    float *params = mem_aligned(model->params, sizeof *params);
    model_init_params(model, 1, params);
    struct layer_time *times = mem_zeroed((size_t)model->ops, sizeof *times);
    const struct bench_peaks peaks = {peak_registers(), peak_sgemm()};
    layers_measure(model, params, network.input.images, times);
    if (request->json) {
        bench_layers_print_json(model, times, &peaks);
    } else {
        bench_print_machine(peaks.registers, peaks.sgemm);
        bench_print_layers(model, times, &peaks);
    }
    free(times);
    free(params);
out:
    bench_network_release(&network);
    return st;
}
