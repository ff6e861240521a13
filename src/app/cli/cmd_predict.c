#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/run/network.h"
#include "app/run/picture_names.h"
#include "base/log.h"
#include "base/mem.h"
#include "kernels/cpu.h"
#include "kernels/team.h"
#include "predict_batch.h"

struct predict_request {
    const char *checkpoint;
    const char *const *picture; /* (pictures) */
    int pictures;
    const char *from;
    struct predict_ask ask;
};

static void predict_print(const struct predict_batch *batch,
                          const struct prediction *answer)
{
    bool by_border = batch->treatment.invert == TREATMENT_INVERT_EACH;
    log_out("%s%s:", answer->path,
            !answer->inverted ? ""
            : by_border       ? " (dark on light, inverted)"
                              : " (inverted, as the training images were)");
    for (int k = 0; k < answer->answers; k++)
        log_out("  %s %.1f %%", batch->network->info.class_name[answer->answer[k].class],
                100 * exp((double)answer->answer[k].logprob));
    log_out("%s\n", answer->answers == 0 ? "  none" : "");
}

/* A picture that cannot be read does not stop the others. */
static enum status predict_finish_batch(struct predict_batch *batch)
{
    enum status worst = ST_OK;
    predict_batch_run(batch);
    for (int i = 0; i < batch->count; i++) {
        const struct prediction *answer = &batch->answer[i];
        if (!answer->problem) {
            predict_print(batch, answer);
            continue;
        }
        log_error("%s", answer->problem);
        worst = answer->status > worst ? answer->status : worst;
    }
    predict_batch_clear(batch);
    return worst;
}

/* What was named before the names end with an error is answered. */
static enum status predict_all(struct predict_batch *batch, struct picture_names *names)
{
    enum status worst = ST_OK, st = ST_OK, here;
    char *name = NULL;
    bool named = false;
    do {
        bool full = false;
        st = picture_names_next(names, &name);
        named = named || name;
        if (name)
            full = predict_batch_add(batch, name);
        if (!full && name)
            continue;
        here = predict_finish_batch(batch);
        worst = here > worst ? here : worst;
    } while (name);
    if (!named && st == ST_OK)
        FAIL(ST_FAIL, "'%s' names no pictures: it is empty", names->lines_name);
    return st > worst ? st : worst;
}

static enum status predict_with(const struct network *network,
                                const struct predict_request *request)
{
    struct predict_batch batch;
    struct picture_names names;
    int threads = cpu_usable() < team_limit() ? cpu_usable() : team_limit();
    if (request->ask.crop && network->info.shape.c != 1)
        FAIL(ST_USAGE, "--crop looks for light ink: it is for networks of grey images");
    TRY(network_check_threshold(network, request->checkpoint, request->ask.threshold));
    TRY(picture_names_open(&names, request->picture, request->pictures, request->from));
    enum status st = predict_batch_init(&batch, network, &request->ask, threads);
    if (st == ST_OK) {
        st = predict_all(&batch, &names);
        predict_batch_release(&batch);
    }
    picture_names_close(&names);
    return st;
}

static enum status predict_parse(struct predict_request *request, int argc, char **argv,
                                 const char **operand, int *count)
{
    const char *views = NULL, *tta = NULL;
    long long top = -1;
    const struct cli_option options[] = {
        {"top", CLI_INT, &top, "K",
         "the K most likely classes, default 3; of networks for images with several "
         "classes all with the threshold, or none"},
        {"threshold", CLI_REAL, &request->ask.threshold, "P", CLI_THRESHOLD_HELP},
        {"views", CLI_TEXT, &views, "WORD", CLI_VIEWS_HELP},
        {"tta", CLI_TEXT, &tta, "flip|multi", CLI_TTA_HELP},
        {"from", CLI_TEXT, &request->from, "DIR|LIST|-",
         "pictures of a folder and of all folders in it, or those whose names are the "
         "lines of a file or of stdin (-)"},
        {"crop", CLI_FLAG, &request->ask.crop, NULL,
         "cut to the ink and scale its longer side to 5/7 of the frame, as in the "
         "built-in letters and MNIST"},
        {0},
    };
    const struct cli_command command = {
        "predict", "CHECKPOINT [PICTURE|DIR]...", 1, INT_MAX,
        "Classify pictures (PNG, JPEG, WebP, TIFF), and print the three most likely "
        "classes of\neach, in the given order; networks for images with several classes "
        "print all that\nare likely, or none. A picture is treated as the import treated "
        "those that the network\nwas trained on: size, fit, colour, inversion."};
    TRY(cli_parse(&command, options, argc, argv, operand, count));
    if (*count < 0)
        return ST_OK;
    if (*count == 1 && !request->from)
        FAIL(ST_USAGE, "no pictures: name some, or give --from DIR, a list, or -");
    TRY(cli_check_threshold(request->ask.threshold));
    TRY(cli_read_views(views, tta, &request->ask.views));
    if (top == 0 || top > DATASET_CLASSES_MAX)
        FAIL(ST_USAGE, "'--top %lld': expected a whole number from 1 to %d", top,
             DATASET_CLASSES_MAX);
    if (top > 0 && request->ask.threshold >= 0)
        FAIL(ST_USAGE, "--top and --threshold exclude each other: both say which classes "
                       "are printed");
    request->ask.top = top < 0 ? 0 : (int)top;
    request->checkpoint = operand[0];
    request->picture = operand + 1;
    request->pictures = *count - 1;
    return ST_OK;
}

enum status cmd_predict(struct comm *comm, int argc, char **argv)
{
    struct predict_request request = {.ask = {.views = -1, .threshold = -1}};
    struct network network;
    int count;
    (void)comm;
    const char **operand = mem_zeroed((size_t)argc + 1, sizeof *operand);
    enum status st = predict_parse(&request, argc, argv, operand, &count);
    if (st == ST_OK && count > 0)
        st = network_open(&network, request.checkpoint);
    if (st == ST_OK && count > 0) {
        network_note_statistics(network.checkpoint, &network.info.progress);
        st = predict_with(&network, &request);
        network_close(&network);
    }
    free(operand);
    return st;
}
