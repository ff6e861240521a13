/* lab: the tables of the microbenchmarks and of the claims. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "cmd_lab.h"
#include "lab/results.h"

static void lab_print_layouts(const struct microbench_layouts *layouts)
{
    const struct conv_shape *s = &layouts->shape;
    struct table table;
    double best = layouts->conv[0].median;
    for (int i = 1; i < LAYOUTS; i++)
        best = layouts->conv[i].median < best ? layouts->conv[i].median : best;
    log_out("\nmemory layouts: a convolution %dx%dx%d to %dx%dx%d by plain loops, %d "
            "images, one thread\n",
            s->h, s->w, s->c, s->p, s->q, s->k, s->n);
    table_init(&table, "<layout", ">us", ">slower than best", ">us to convert to it",
               NULL);
    for (int i = 0; i < LAYOUTS; i++) {
        table_cellf(&table, "%s", microbench_layout_name(i));
        table_cellf(&table, "%.0f", layouts->conv[i].median * 1e6);
        table_cellf(&table, "%.2fx", layouts->conv[i].median / best);
        if (i == LAYOUT_NHWC)
            table_cellf(&table, "%.0f (a copy)", layouts->convert[i].median * 1e6);
        else
            table_cellf(&table, "%.0f", layouts->convert[i].median * 1e6);
    }
    table_print(&table);
    table_release(&table);
}

static void lab_print_walks(const struct results *results)
{
    struct table table;
    log_out("\naccess order: every element of a square matrix, along its rows and along "
            "its columns, ns per element\n");
    table_init(&table, "<matrix", "<in", ">by row", ">by column", ">columns / rows",
               NULL);
    for (int i = 0; i < results->walks; i++) {
        const struct microbench_walk *walk = &results->walk[i];
        table_cellf(&table, "%dx%d", walk->side, walk->side);
        table_cellf(&table, "%s", machine_level_name(walk->level));
        table_cellf(&table, "%.3f", walk->row.median * 1e9);
        table_cellf(&table, "%.3f", walk->column.median * 1e9);
        table_cellf(&table, "%.1fx", walk->column.median / walk->row.median);
    }
    table_print(&table);
    table_release(&table);
}

static void lab_conv_cells(struct table *table, const struct microbench_conv *conv)
{
    const char *names[CONV_WAYS];
    int count = conv_way_names(names);
    for (int i = 0; i < count; i++) {
        int way = 0;
        while (way < conv->ways && strcmp(conv->way[way]->name, names[i]) != 0)
            way++;
        if (way < conv->ways)
            table_cellf(table, "%.1f", conv->time[way].median * 1e6);
        else
            table_cellf(table, "-");
    }
}

static void lab_print_convs(const struct results *results)
{
    struct table table;
    const char *names[CONV_WAYS];
    int count = conv_way_names(names);
    if (results->convs == 0)
        return;
    log_out("\nconvolutions forward by each algorithm that fits, us, one thread; bench "
            "conv measures all passes\n");
    table_init(&table, "<layer", ">taps", NULL);
    for (int i = 0; i < count; i++) {
        char head[32];
        snprintf(head, sizeof head, ">%s", names[i]);
        table_head(&table, head);
    }
    table_head(&table, "<used");
    for (int i = 0; i < results->convs; i++) {
        const struct microbench_conv *conv = &results->conv[i];
        table_cellf(&table, "%s", conv->name);
        table_cellf(&table, "%zu", conv_taps(&conv->shape));
        lab_conv_cells(&table, conv);
        table_cellf(&table, "%s", conv->chosen->name);
    }
    table_print(&table);
    table_release(&table);
}

static void lab_elements_cell(struct table *table, size_t elements)
{
    if (elements)
        table_cellf(table, "%zu", elements);
    else
        table_cellf(table, "never");
}

static void lab_print_breakeven(const struct results *results)
{
    struct table table;
    if (results->threads < 2)
        return;
    log_out("\nelements from which %d threads are faster than one (never: not up to "
            "%zu)\n",
            results->threads, MICROBENCH_MOST);
    table_init(&table, "<operation", ">inside a region", ">in its own region", NULL);
    for (int op = 0; op < OPS; op++) {
        table_cellf(&table, "%s", microbench_op_name(op));
        lab_elements_cell(&table, results->breakeven[op].inside);
        lab_elements_cell(&table, results->breakeven[op].region);
    }
    table_print(&table);
    table_release(&table);
}

void lab_print_claims(const struct claim *claims, int count)
{
    struct table table;
    log_out(
        "\nclaims of a first table, from a machine of 8 cores, and what holds here\n");
    table_init(&table, "<claim", "<holds", "<here", NULL);
    for (int i = 0; i < count; i++)
        table_row(&table, claims[i].claim, claims[i].holds, claims[i].here, NULL);
    table_print(&table);
    table_release(&table);
}

void lab_print_microbench(const struct results *results)
{
    lab_print_layouts(&results->layouts);
    lab_print_walks(results);
    lab_print_convs(results);
    lab_print_breakeven(results);
    lab_print_claims(results->claim, RESULTS_CLAIMS);
}
