/* bench rule: does the rule choose the fastest algorithm of each convolution? */
#include "base/log.h"
#include "base/table.h"
#include "cmd_bench.h"
#include "kernels/peak.h"
#include "lab/conv_rule.h"

/* The networks whose convolutions are measured, each at the size of its images. */
static const struct {
    const char *name, *image_size; /* NULL: the network's own */
} rule_networks[] = {
    {"letters", NULL},        {"resnet20", NULL},           {"cifar_fast", NULL},
    {"resnet18_cifar", NULL}, {"resnet18", NULL},           {"resnet50", NULL},
    {"mobilenetv2", NULL},    {"efficientnet_lite0", NULL}, {"vgg16", NULL},
    {"vgg16", "32"},
};

static enum status rule_add(struct conv_subjects *subjects, const char *name,
                            const char *image_size)
{
    struct bench_network network;
    const struct bench_request request = {
        .config = name, .image_size = image_size, .grain = 1};
    enum status st = bench_network_init(&network, &request);
    if (st == ST_OK)
        conv_subjects_add_model(subjects, &network.model, name);
    bench_network_release(&network);
    return st;
}

static enum status rule_add_all(struct conv_subjects *subjects,
                                const struct bench_request *request)
{
    if (request->config)
        return rule_add(subjects, request->config, request->image_size);
    for (size_t i = 0; i < sizeof rule_networks / sizeof *rule_networks; i++)
        TRY(rule_add(subjects, rule_networks[i].name, rule_networks[i].image_size));
    return ST_OK;
}

static void rule_row(struct table *table, const struct conv_subject *subject,
                     enum conv_pass pass, const struct conv_verdict *verdict)
{
    const struct conv_way_speed *chosen = &verdict->speed.way[verdict->chosen];
    const struct conv_way_speed *best = &verdict->speed.way[verdict->best];
    table_cellf(table, "%s", subject->name);
    table_cellf(table, "%s", conv_pass_name(pass));
    table_cellf(table, "%s", chosen->way->name);
    table_cellf(table, "%.1f", conv_rule_seconds(chosen) * 1e6);
    table_cellf(table, "%s", best->way->name);
    table_cellf(table, "%.1f", conv_rule_seconds(best) * 1e6);
    table_cellf(table, "%.2f", verdict->ratio);
    table_cellf(table, "%s",
                conv_rule_broken(verdict) ? "BROKEN"
                : verdict->reason         ? verdict->reason
                                          : "");
    table_cellf(table, "%s", subject->users);
}

enum status bench_rule(const struct bench_request *request)
{
    struct conv_subjects subjects = {0};
    struct conv_verdict verdict;
    struct table table;
    int broken = 0, checks = 0;
    enum status st;
    table_init(&table, "<shape", "<pass", "<chosen", ">us", "<best", ">us", ">ratio", "<",
               "<networks", NULL);
    TRY_TO(out, rule_add_all(&subjects, request));
    for (int i = 0; i < subjects.count; i++)
        for (enum conv_pass pass = CONV_FORWARD; pass < CONV_PASSES; pass++) {
            if (!subjects.subject[i].wanted[pass])
                continue;
            conv_rule_check(&verdict, &subjects.subject[i], pass);
            if (verdict.speed.ways < 2)
                continue;
            rule_row(&table, &subjects.subject[i], pass, &verdict);
            broken += conv_rule_broken(&verdict);
            checks++;
        }
    bench_print_machine(peak_registers(), peak_sgemm());
    table_print(&table);
    log_out("\n%d of %d choices are more than %.0f %% slower than the best, without a "
            "reason\n",
            broken, checks, 100 * (CONV_RULE_SLACK - 1));
    if (broken > 0)
        TRY_TO(out, status_fail(ST_FAIL, "the rule of algorithms does not hold here"));
out:
    table_release(&table);
    conv_subjects_release(&subjects);
    return st;
}
