/* bench layers: each layer of a network, pass by pass, relative to the peak of a core. */
#include <stdlib.h>

#include "app/run/trial_config.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "cmd_bench.h"
#include "kernels/peak.h"
#include "lab/layers.h"
#include "lab/trial.h"
#include "nn/param_group.h"

static void bench_layer_cells(struct table *table, double seconds, double dense,
                              double truly, double registers, double sgemm)
{
    table_cellf(table, "%.2f", seconds * 1e6);
    if (truly <= 0) {
        for (int i = 0; i < 4; i++)
            table_cellf(table, "%s", "");
        return;
    }
    table_cellf(table, "%.1f", dense / seconds * 1e-9);
    table_cellf(table, "%.1f", truly / seconds * 1e-9);
    table_cellf(table, "%.0f", 100 * truly / seconds / registers);
    table_cellf(table, "%.0f", 100 * truly / seconds / sgemm);
}

static void bench_print_layers(const struct model *model, const struct layer_time *times,
                               double registers, double sgemm)
{
    struct table table;
    double total = 0;
    table_init(&table, "<layer", "<pass", ">us/image", ">GFLOP/s dense", ">true",
               ">% of registers", ">% of sgemm", NULL);
    for (int o = 0; o < model->ops; o++) {
        const struct layer_time *t = &times[o];
        table_cellf(&table, "%s", t->name);
        table_cellf(&table, "forward");
        bench_layer_cells(&table, t->forward, t->work.dense_forward, t->work.true_forward,
                          registers, sgemm);
        table_cellf(&table, "%s", "");
        table_cellf(&table, "backward");
        bench_layer_cells(&table, t->backward, t->work.dense_backward,
                          t->work.true_backward, registers, sgemm);
        total += t->forward + t->backward;
    }
    table_print(&table);
    table_release(&table);
    log_out("\nall layers, forward and backward: %.1f us/image on one core\n",
            total * 1e6);
}

enum status bench_layers(const struct bench_request *request)
{
    struct config config;
    struct model model = {0};
    struct trial_input input = {0};
    enum status st;
    TRY_TO(out, trial_config_read(request->config, request->grain, request->image_size,
                                  &config));
    int grain = config.run.train.grain;
    const struct trial_source source = trial_config_source(&config, request->data);
    TRY_TO(out, trial_input(&source, &config.run.input.crop, grain, &input));
    TRY_TO(out, model_init(&model, &config.model, input.in, input.classes, grain));
    TRY_TO(out, param_groups_check(&config.run.optim.groups, &model));
    float *params = mem_aligned(model.params, sizeof *params);
    model_init_params(&model, 1, params);
    struct layer_time *times = mem_zeroed((size_t)model.ops, sizeof *times);
    double registers = peak_registers(), sgemm = peak_sgemm();
    layers_measure(&model, params, input.images, times);
    bench_print_machine(registers, sgemm);
    bench_print_layers(&model, times, registers, sgemm);
    free(times);
    free(params);
out:
    free(input.images);
    model_release(&model);
    config_release(&config);
    return st;
}
