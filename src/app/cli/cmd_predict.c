#include <limits.h>
#include <stdlib.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/predict/predict.h"
#include "app/run/placement.h"
#include "base/mem.h"
#include "base/stop.h"
#include "io/predictions.h"

/* What can be said about the words alone. */
static enum status predict_check(struct comm *comm, struct predict_request *request,
                                 long long top, long long threads)
{
    const struct predictions_format *format;
    if (request->pictures == 0 && !request->from)
        FAIL(ST_USAGE, "no pictures: name some, or give --from DIR, a list, or -");
    TRY(cli_check_threshold(request->ask.threshold));
    if (top == 0 || top > DATASET_CLASSES_MAX)
        FAIL(ST_USAGE, "'--top %lld': expected a whole number from 1 to %d", top,
             DATASET_CLASSES_MAX);
    TRY(placement_check_threads(comm, threads));
    if (request->out)
        TRY(predictions_format_find(request->out, &format));
    if (request->force && !request->out)
        FAIL(ST_USAGE, "--force is for --out FILE");
    return ST_OK;
}

static enum status predict_parse(struct comm *comm, struct predict_request *request,
                                 int argc, char **argv, const char **operand, int *count)
{
    const char *views = NULL, *tta = NULL;
    long long top = -1, threads = 0;
    const struct cli_option options[] = {
        {"from", CLI_TEXT, &request->from, "DIR|LIST|-",
         "pictures of a folder and of all folders in it, or those whose names are the "
         "lines of a file or of stdin (-)"},
        {"out", CLI_TEXT, &request->out, "FILE",
         "write the answers to FILE.csv, FILE.jsonl or FILE.h5 instead of printing them; "
         "the same command goes on with what a stopped one left in FILE.partial; exit "
         "status 4 if a picture could not be read: its row says why"},
        {"force", CLI_FLAG, &request->force, NULL,
         "replace FILE, and a FILE.partial of another network or other options"},
        {"top", CLI_INT, &top, "K",
         "print the K most likely classes, default 3; for images with several classes "
         "the default is all that reach the threshold"},
        {"threshold", CLI_REAL, &request->ask.threshold, "P",
         "the least probability of an answer, below which a picture is "
         "'" PREDICTIONS_UNSURE "', default 0; for images with several classes the least "
         "probability of each (eval.threshold), default as in the training"},
        {"views", CLI_TEXT, &views, "WORD", CLI_VIEWS_HELP},
        {"tta", CLI_TEXT, &tta, "flip|multi", CLI_TTA_HELP},
        {"crop", CLI_FLAG, &request->ask.crop, NULL,
         "cut to the ink and scale its longer side to 5/7 of the frame, as in the "
         "built-in letters and MNIST"},
        {"threads", CLI_INT, &threads, "T",
         "threads per rank, default the rank's share of the CPUs"},
        {0},
    };
    const struct cli_command command = {
        "predict", "CHECKPOINT [PICTURE|DIR]...", 1, INT_MAX,
        "Classify pictures (PNG, JPEG, WebP, TIFF), and print the three most likely "
        "classes of\neach, in the given order, or write a file of all answers (--out); "
        "also under mpirun.\nNetworks for images with several classes print all that are "
        "likely, or none. A picture\nis treated as the import treated those that the "
        "network was trained on: size, fit,\ncolour, inversion."};
    TRY(cli_parse(&command, options, argc, argv, operand, count));
    if (*count < 0)
        return ST_OK;
    request->checkpoint = operand[0];
    request->picture = operand + 1;
    request->pictures = *count - 1;
    request->threads = (int)threads;
    TRY(predict_check(comm, request, top, threads));
    request->ask.top = top < 0 ? 0 : (int)top;
    return cli_read_views(views, tta, &request->ask.views);
}

enum status cmd_predict(struct comm *comm, int argc, char **argv)
{
    struct predict_request request = {.ask = {.views = -1, .threshold = -1}};
    int count;
    const char **operand = mem_zeroed((size_t)argc + 1, sizeof *operand);
    enum status st = predict_parse(comm, &request, argc, argv, operand, &count);
    if (request.out)
        stop_install(); /* what was answered is kept */
    if (st == ST_OK && count > 0)
        st = predict_run(comm, &request);
    free(operand);
    return st;
}
