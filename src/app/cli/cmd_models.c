/* lockstep models: the networks that have a name. */
#include <stdlib.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/config/config.h"
#include "base/log.h"
#include "base/table.h"
#include "nn/layer_shape.h"
#include "nn/named_network.h"

/* What a network costs at the input and with the classes of the published one. */
struct models_cost {
    size_t params;
    double macs; /* multiply-adds for an image, forward */
};

static enum status models_measure(const struct named_network *network,
                                  struct models_cost *cost)
{
    struct config config;
    struct model model = {0};
    char *text = named_network_text(network);
    config_init(&config);
    enum status st;
    TRY_TO(out, config_parse(&config, text, network->name));
    TRY_TO(out, model_describe(&model, &config.model, network->in, network->classes, 1));
    *cost = (struct models_cost){model_param_count(&model), model.flops / 2};
out:
    model_release(&model);
    config_release(&config);
    free(text);
    return st;
}

static void models_row(struct table *table, const struct named_network *network,
                       const struct models_cost *cost)
{
    char *in = layer_shape_text(network->in);
    table_cellf(table, "%s", network->name);
    table_cellf(table, "%s", in);
    table_cellf(table, "%d", network->classes);
    table_cellf(table, "%zu", cost->params);
    table_cellf(table, "%.1f", cost->macs * 1e-6);
    if (network->accuracy > 0)
        table_cellf(table, "%.2f", network->accuracy);
    else
        table_cellf(table, "-");
    table_cellf(table, "%s", network->data);
    table_cellf(table, "%s", network->source);
    free(in);
}

static void models_print_aliases(void)
{
    const struct named_network *network;
    const char *before = "\nOther names: ";
    for (int i = 0; (network = named_network_at(i)) != NULL; i++) {
        if (!network->alias)
            continue;
        log_out("%s%s is %s", before, network->alias, network->name);
        before = ", ";
    }
    log_out(".\n");
}

static enum status models_print(void)
{
    struct table table;
    const struct named_network *network;
    enum status st = ST_OK;
    table_init(&table, "<name", ">input", ">classes", ">parameters", ">MMAC/image",
               ">published %", "<on", "<source", NULL);
    for (int i = 0; st == ST_OK && (network = named_network_at(i)) != NULL; i++) {
        struct models_cost cost;
        st = models_measure(network, &cost);
        if (st == ST_OK)
            models_row(&table, network, &cost);
    }
    if (st == ST_OK) {
        table_print(&table);
        models_print_aliases();
        log_out(
            "\nMMAC: millions of multiply-adds, forward. 'lockstep models NAME' prints "
            "a network's config,\n'lockstep train NAME --data FILE' trains it.\n");
    }
    table_release(&table);
    return st;
}

static enum status models_print_json(void)
{
    const struct named_network *network;
    log_out("[\n");
    for (int i = 0; (network = named_network_at(i)) != NULL; i++) {
        struct models_cost cost;
        TRY(models_measure(network, &cost));
        log_out("%s  {\"name\": \"%s\", \"alias\": \"%s\", \"height\": %d, \"width\": "
                "%d, \"channels\": %d, \"classes\": %d,\n"
                "   \"parameters\": %zu, \"macs\": %.0f, \"accuracy\": %.2f,\n"
                "   \"data\": \"%s\", \"source\": \"%s\"}",
                i ? ",\n" : "", network->name, network->alias ? network->alias : "",
                network->in.h, network->in.w, network->in.c, network->classes,
                cost.params, cost.macs, network->accuracy, network->data,
                network->source);
    }
    log_out("\n]\n");
    return ST_OK;
}

static enum status models_print_config(const char *name)
{
    const struct named_network *network = named_network_find(name);
    if (!network)
        return config_unknown_network(name, false);
    char *text = named_network_text(network);
    log_out("%s", text);
    free(text);
    return ST_OK;
}

enum status cmd_models(struct comm *comm, int argc, char **argv)
{
    (void)comm;
    bool json = false;
    const struct cli_option options[] = {
        {"json", CLI_FLAG, &json, NULL, "an array of objects instead of a table"},
        {0},
    };
    const struct cli_command command = {
        "models", "[NAME]", 0, 1,
        "List the networks that have a name: their size, and the accuracy that was\n"
        "published. With NAME, print its config, to be copied and changed."};
    const char *name;
    int count;
    TRY(cli_parse(&command, options, argc, argv, &name, &count));
    if (count < 0)
        return ST_OK;
    if (count == 1 && json)
        FAIL(ST_USAGE, "'--json' is for the list: leave out '%s'", name);
    if (count == 1)
        return models_print_config(name);
    return json ? models_print_json() : models_print();
}
