/* bench conv: convolutions by each algorithm, on one core. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "cmd_bench.h"
#include "kernels/cpu.h"
#include "kernels/peak.h"
#include "lab/conv_speed.h"

#define CONV_GRAIN 32
#define CONV_MOST  1024 /* images */

struct bench_conv {
    struct conv_subjects subjects;
    int grain;
    int columns; /* algorithms that fit one of the subjects at least */
    const char *column[CONV_WAYS];
};

static void bench_conv_columns(struct bench_conv *bench)
{
    const char *names[CONV_WAYS];
    int count = conv_way_names(names);
    for (int i = 0; i < count; i++) {
        bool fits = false;
        for (int s = 0; s < bench->subjects.count; s++)
            for (int pass = 0; pass < CONV_PASSES; pass++)
                fits |= conv_algorithm_named((enum conv_pass)pass, names[i],
                                             &bench->subjects.subject[s].shape) != NULL;
        if (fits)
            bench->column[bench->columns++] = names[i];
    }
}

/* --- as a table --- */

static void bench_conv_row(const struct bench_conv *bench, struct table *table,
                           const struct conv_subject *subject, enum conv_pass pass)
{
    struct conv_speed speed;
    conv_speed_measure(&speed, subject, pass, bench->grain, 1);
    table_cellf(table, "%s", subject->name);
    table_cellf(table, "%s", conv_pass_name(pass));
    for (int i = 0; i < bench->columns; i++) {
        const struct conv_way_speed *found = NULL;
        for (int w = 0; w < speed.ways; w++)
            if (strcmp(speed.way[w].way->name, bench->column[i]) == 0)
                found = &speed.way[w];
        if (!found) {
            table_cellf(table, "-");
            table_cellf(table, "-");
            continue;
        }
        table_cellf(table, "%.1f%s", found->seconds * 1e6, found->chosen ? "*" : " ");
        table_cellf(table, "%.0f", conv_flops(&subject->shape) / found->seconds * 1e-9);
    }
}

static void bench_conv_print_users(const struct conv_subjects *subjects)
{
    bool fused = false;
    for (int i = 0; i < subjects->count; i++) {
        const struct conv_subject *subject = &subjects->subject[i];
        if (!subject->users)
            return;
        log_out("  %s: %s%s\n", subject->name, subject->users,
                subject->fused ? " (fused)" : "");
        fused |= subject->fused;
    }
    if (fused)
        log_out("  (fused: training computes it in one block with the layers behind "
                "it; see bench layers)\n");
    log_out("\n");
}

static void bench_conv_print_table(const struct bench_conv *bench)
{
    struct table table;
    bench_print_machine(peak_registers(), peak_sgemm());
    bench_conv_print_users(&bench->subjects);
    table_init(&table, "<shape", "<pass", NULL);
    for (int i = 0; i < bench->columns; i++) {
        char head[32];
        snprintf(head, sizeof head, ">%s us", bench->column[i]);
        table_head(&table, head);
        table_head(&table, ">GFLOP/s");
    }
    for (int i = 0; i < bench->subjects.count; i++)
        for (int pass = 0; pass < CONV_PASSES; pass++)
            bench_conv_row(bench, &table, &bench->subjects.subject[i],
                           (enum conv_pass)pass);
    table_print(&table);
    table_release(&table);
    log_out(
        "\n*: what the rule chooses. us per image, on up to %d images, weights packed; "
        "GFLOP/s of the definition's operations.\n",
        bench->grain);
}

/* --- as JSON --- */

static void bench_conv_json_shape(const struct conv_subject *subject)
{
    const struct conv_shape *s = &subject->shape;
    log_out("  {\"shape\": \"%s\", \"layers\": \"%s\", \"fused\": %s,\n", subject->name,
            subject->users ? subject->users : "", subject->fused ? "true" : "false");
    log_out("   \"in\": [%d, %d, %d], \"out\": [%d, %d, %d], \"kernel\": [%d, %d], "
            "\"stride\": [%d, %d],\n   \"groups\": %d, \"gflop\": %.6f,\n",
            s->h, s->w, s->c, s->p, s->q, s->k, s->r.size, s->s.size, s->r.stride,
            s->s.stride, conv_groups(s), conv_flops(s) * 1e-9);
}

static void bench_conv_json_pass(const struct bench_conv *bench,
                                 const struct conv_subject *subject, enum conv_pass pass)
{
    struct conv_speed speed;
    conv_speed_measure(&speed, subject, pass, bench->grain, 1);
    bench_conv_json_shape(subject);
    log_out("   \"pass\": \"%s\", \"images\": %d, \"algorithms\": [",
            conv_pass_name(pass), speed.images);
    for (int w = 0; w < speed.ways; w++) {
        const struct conv_way_speed *way = &speed.way[w];
        log_out(
            "%s\n    {\"name\": \"%s\", \"chosen\": %s, \"us\": %.3f, \"pack_us\": %.3f, "
            "\"dense_gflops\": %.2f, \"true_gflops\": %.2f}",
            w > 0 ? "," : "", way->way->name, way->chosen ? "true" : "false",
            way->seconds * 1e6, way->pack * 1e6,
            conv_flops(&subject->shape) / way->seconds * 1e-9,
            conv_algorithm_work(way->way, &subject->shape) / way->seconds * 1e-9);
    }
    log_out("]}");
}

static void bench_conv_print_json(const struct bench_conv *bench)
{
    log_out("[");
    for (int i = 0; i < bench->subjects.count; i++)
        for (int pass = 0; pass < CONV_PASSES; pass++) {
            log_out("%s\n", i + pass > 0 ? "," : "");
            bench_conv_json_pass(bench, &bench->subjects.subject[i],
                                 (enum conv_pass)pass);
        }
    log_out("\n]\n");
}

/* --- what is measured --- */

static enum status bench_conv_read(const struct bench_request *request,
                                   struct bench_conv *bench)
{
    struct bench_network network;
    enum status st = bench_network_init(&network, request);
    if (st == ST_OK) {
        conv_subjects_add_model(&bench->subjects, &network.model, NULL);
        bench->grain = network.model.grain;
    }
    bench_network_release(&network);
    return st;
}

enum status bench_conv(const struct bench_request *request)
{
    struct bench_conv bench = {.grain =
                                   request->grain ? (int)request->grain : CONV_GRAIN};
    enum status st = ST_OK;
    if (request->grain < 0 || request->grain > CONV_MOST)
        FAIL(ST_USAGE, "'--grain %lld': expected 1 to %d", request->grain, CONV_MOST);
    if (request->config)
        TRY_TO(out, bench_conv_read(request, &bench));
    else
        conv_subjects_add_known(&bench.subjects);
    if (bench.subjects.count == 0)
        TRY_TO(out, status_fail(ST_USAGE, "'%s' has no convolution", request->config));
    bench_conv_columns(&bench);
    if (request->json)
        bench_conv_print_json(&bench);
    else
        bench_conv_print_table(&bench);
out:
    conv_subjects_release(&bench.subjects);
    return st;
}
