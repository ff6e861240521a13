/* bench conv: convolutions of well-known networks by each algorithm, on one core. */
#include <stdio.h>

#include "base/log.h"
#include "base/table.h"
#include "cmd_bench.h"
#include "kernels/peak.h"
#include "lab/conv_speed.h"

#define CONV_GRAIN 32
#define CONV_MOST  1024 /* images */

static const char *const conv_columns[] = {"direct", "winograd2", "winograd4", "blas"};
#define CONV_COLUMNS (int)(sizeof conv_columns / sizeof *conv_columns)

/* One row: the algorithms side by side. */
static void bench_conv_row(struct table *table, const struct conv_speed_shape *named,
                           enum conv_pass pass, int grain)
{
    struct conv_shape shape = named->shape;
    shape.n = grain;
    conv_shape_complete(&shape);
    table_cellf(table, "%s", named->name);
    table_cellf(table, "%s", conv_pass_name(pass));
    for (int i = 0; i < CONV_COLUMNS; i++) {
        const struct conv_algorithm *algorithm =
            conv_algorithm_named(pass, conv_columns[i], &shape);
        if (!algorithm) {
            table_cellf(table, "-");
            table_cellf(table, "-");
            continue;
        }
        double seconds = conv_speed_measure(algorithm, &shape);
        table_cellf(table, "%.1f", seconds * 1e6);
        table_cellf(table, "%.0f", conv_speed_flops(&shape) / seconds * 1e-9);
    }
}

enum status bench_conv(const struct bench_request *request)
{
    struct table table;
    const struct conv_speed_shape *named;
    if (request->config)
        FAIL(ST_USAGE, "'%s': 'bench conv' takes no config; its shapes are its own",
             request->config);
    if (request->grain < 0 || request->grain > CONV_MOST)
        FAIL(ST_USAGE, "'--grain %lld': expected 1 to %d", request->grain, CONV_MOST);
    bench_print_machine(peak_registers(), peak_sgemm());
    table_init(&table, "<shape", "<pass", NULL);
    for (int i = 0; i < CONV_COLUMNS; i++) {
        char head[32];
        snprintf(head, sizeof head, ">%s us", conv_columns[i]);
        table_head(&table, head);
        table_head(&table, ">GFLOP/s");
    }
    for (int i = 0; (named = conv_speed_shape(i)) != NULL; i++)
        for (enum conv_pass pass = CONV_FORWARD; pass < CONV_PASSES; pass++)
            bench_conv_row(&table, named, pass,
                           request->grain ? (int)request->grain : CONV_GRAIN);
    table_print(&table);
    table_release(&table);
    return ST_OK;
}
