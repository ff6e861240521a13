/* The command line of `lockstep train`, and its help. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/stall.h"
#include "base/log.h"
#include "base/mem.h"
#include "train_session.h"

#define TRAIN_RUN_HELP                                                               \
    "folder of the run, default runs/ and the config's name; auto: a new one, with " \
    "-2, -3, ... at its end, or with --resume the newest of these"
#define TRAIN_JSON_HELP                                                             \
    "print each event of the run as a line of JSON on stdout, for other programs; " \
    "text for people goes to stderr"

static void train_print_layers(void)
{
    log_out("\nLayers, in [model]:\n");
    for (int i = 0; layer_kinds[i]; i++) {
        char tag[64];
        const char *help = layer_kinds[i]->help;
        int kind = (int)strcspn(help, " ");
        snprintf(tag, sizeof tag, "layer = %.*s", kind, help);
        cli_print_entry(tag, help[kind] ? help + kind + 1 : "(no arguments)");
    }
    log_out("\nOptions of every layer:\n");
    cli_print_entry(
        "as=NAME",
        "its name, instead of kind and number; a line that is left out may share "
        "it with one that is not");
    cli_print_entry("from=NAME",
                    "its input, instead of the line before; of add and mul the "
                    "second one, or from=A,B. 'input' is the network's input");
    cli_print_entry("if=A==B, if=A!=B",
                    "left out unless two numbers, or the shapes of two "
                    "layers, are equal (differ)");
    cli_print_entry("if=A<=B, <, >=, >",
                    "left out unless this holds for two numbers; the name of a layer is "
                    "the longer side of its output, in pixels");
    log_out("\nBlocks, in [block NAME]:\n");
    cli_print_entry("parameters = A B=1", "its parameters, some with a default");
    cli_print_entry("layer = ... $A ...", "its layers; the line 'layer = NAME A=64 "
                                          "B=2,1 repeat=3' stands for three of them");
}

static void train_print_keys(void)
{
    const char *section = "";
    struct config_key_help key;
    for (int i = 0; config_describe_key(i, &key); i++) {
        char tag[64], *text = mem_format("%s (%s)", key.help, key.range);
        if (strcmp(section, key.section) != 0)
            log_out("\nConfig keys in [%s], with their defaults and ranges:\n",
                    key.section);
        section = key.section;
        snprintf(tag, sizeof tag, "%s = %s", key.name, key.initial);
        cli_print_entry(tag, text);
        free(text);
    }
}

static enum status train_request_check(const struct train_request *request)
{
    if (request->elsewhere && !request->check)
        FAIL(ST_USAGE, "--elsewhere is for --check; add it");
    if (request->json && request->check)
        FAIL(ST_USAGE,
             "--json is for a training, not for --check; leave one of them out");
    if (request->run && !*request->run)
        FAIL(ST_USAGE, "'--run' needs the name of a folder");
    if (request->resume && request->init)
        FAIL(ST_USAGE, "--resume and --init exclude each other: a resumed run has "
                       "weights already");
    return ST_OK;
}

/* --set model.name=NAME, in sweeps, stands for the operand CONFIG. */
static void train_request_choose_config(struct train_request *request,
                                        const char *operand)
{
    static const char name[] = "model.name";
    struct cli_texts *set = &request->set;
    int kept = 0;
    request->config = operand;
    for (int i = 0; i < set->count; i++) {
        const char *text = set->text[i] + strspn(set->text[i], " ");
        const char *equals = text + sizeof name - 1;
        bool chosen = strncmp(text, name, sizeof name - 1) == 0;
        equals += chosen ? strspn(equals, " ") : 0;
        if (chosen && *equals == '=')
            request->config = equals + 1 + strspn(equals + 1, " ");
        else
            set->text[kept++] = set->text[i];
    }
    set->count = kept;
}

enum status train_request_parse(struct train_request *request, int argc, char **argv,
                                bool *help)
{
    const char *tune = "cached";
    const struct cli_option options[] = {
        {"data", CLI_TEXT, &request->data, "PATH", TRAIN_DATA_HELP},
        {"image-size", CLI_TEXT, &request->image_size, "N|HxW", CLI_IMAGE_SIZE_HELP},
        {"run", CLI_TEXT, &request->run, "DIR", TRAIN_RUN_HELP},
        {"resume", CLI_FLAG, &request->resume, NULL,
         "go on from the newest checkpoint in DIR; start anew if there is none"},
        {"init", CLI_TEXT, &request->init, "CHECKPOINT", TRAIN_INIT_HELP},
        {"pretrained", CLI_TEXT, &request->pretrained, "WEIGHTS", TRAIN_PRETRAINED_HELP},
        {"freeze", CLI_TEXT, &request->freeze, "none|backbone|LAYER", TRAIN_FREEZE_HELP},
        {"threads", CLI_INT, &request->threads, "T", TRAIN_THREADS_HELP},
        {"max-time", CLI_TEXT, &request->max_time, "TIME",
         "stop before this time has passed, with a checkpoint: M, H:MM:SS, D-HH:MM:SS, "
         "or auto: before the SLURM job ends"},
        {"autotune", CLI_TEXT, &tune, "off|cached|force",
         "how to choose the plan of threads, default cached; off: by rule; cached: as "
         "measured earlier, or measure now; force: measure now"},
        {"tune", CLI_TEXT, &tune, "off|cached|force",
         "the same as --autotune; under mpirun write --tune=WORD, because mpirun has an "
         "option --tune, too"},
        {"trace", CLI_TEXT, &request->trace, "FILE",
         "write what every thread did when, as JSON for ui.perfetto.dev; the beginning "
         "only of a long run"},
        {"no-verify", CLI_FLAG, &request->no_verify, NULL, CLI_NO_VERIFY_HELP},
        {"check", CLI_FLAG, &request->check, NULL,
         "print what would be trained and exit; writes nothing, except that pictures are "
         "imported into the cache"},
        {"elsewhere", CLI_FLAG, &request->elsewhere, NULL,
         "with --check: for a job on other machines; the CPUs, the memory and the limits "
         "of this one do not count"},
        {"json", CLI_FLAG, &request->json, NULL, TRAIN_JSON_HELP},
        {"stall-timeout", CLI_INT, &request->stall_timeout, "SECONDS", STALL_HELP},
        {"set", CLI_TEXTS, &request->set, "SECTION.KEY=VALUE",
         TRAIN_SET_HELP ". model.name=NAME stands for CONFIG, for sweeps"},
        {0},
    };
    const struct cli_command command = {
        "train", "CONFIG", 0, 1,
        "Train a network on as many ranks as mpirun starts.\n" CLI_CONFIG_HELP};
    const char *operand[1] = {NULL};
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    *help = count < 0;
    if (*help) {
        train_print_layers();
        train_print_keys();
        return ST_OK;
    }
    TRY(tuning_read_mode(tune, &request->tune));
    train_request_choose_config(request, operand[0]);
    if (!request->config)
        FAIL(ST_USAGE, "usage: lockstep train CONFIG; see 'lockstep train --help'");
    request->argc = argc;
    request->argv = argv;
    return train_request_check(request);
}
