/* lockstep lrfind: tries rates on the first steps of a training, and suggests one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/commands.h"
#include "app/run/output.h"
#include "app/run/stall.h"
#include "base/div.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/table.h"
#include "comm/comm.h"
#include "io/svg.h"
#include "io/target.h"
#include "lab/range_test.h"
#include "train_session.h"

#define LRFIND_ROWS 20 /* of the printed table */
/* Rates that no training can use lie outside. */
#define LRFIND_RATE_LEAST 1e-30
#define LRFIND_RATE_MOST  1e3
#define LRFIND_CSV_HEAD   "step,lr,loss,smoothed"

struct lrfind_request {
    struct train_request train;
    struct cli_texts out;
    long long steps;
    double from, to;
    bool force;
};

/* --- files --- */

static void lrfind_write_csv(FILE *out, const struct range_test *test, const char *title)
{
    (void)title;
    fprintf(out, LRFIND_CSV_HEAD "\n");
    for (int i = 0; i < test->count; i++)
        fprintf(out, "%d,%.9g,%.9g,%.9g\n", i + 1, test->rate[i], test->loss[i],
                test->smooth[i]);
}

/* The losses up to the least smooth one, and half as much above, for what comes then. */
static void lrfind_fit_loss(const struct range_test *test, struct svg_axis *axis)
{
    double low = test->smooth[test->least], high = low;
    for (int i = 0; i < test->count; i++)
        low = fmin(low, test->loss[i]);
    for (int i = 0; i <= test->least; i++)
        high = fmax(high, test->smooth[i]);
    double room = high > low ? high - low : fmax(fabs(low), 1);
    axis->from = low - 0.1 * room;
    axis->to = high + 0.5 * room;
}

static void lrfind_write_svg(FILE *out, const struct range_test *test, const char *title)
{
    struct svg_plot plot = {
        .left = 75,
        .top = 60,
        .width = 620,
        .height = 330,
        .x = {SVG_LOG, test->from, test->to, "learning rate"},
        .y = {SVG_LINEAR, 0, 1, "loss"},
    };
    lrfind_fit_loss(test, &plot.y);
    svg_begin(out, 720, 450, title);
    svg_label(out, plot.left, 24, SVG_START, title);
    svg_key(out, plot.left, 48, SVG_FAINT, "each step");
    svg_key(out, plot.left + 120, 48, SVG_FIRST, "smoothed");
    svg_axes(out, &plot);
    svg_line(out, &plot, SVG_FAINT, test->rate, test->loss, test->count);
    svg_line(out, &plot, SVG_FIRST, test->rate, test->smooth, test->count);
    if (test->steepest >= 0) {
        char text[64];
        double rate = test->rate[test->steepest];
        snprintf(text, sizeof text, "suggested %.3g", rate);
        svg_mark(out, &plot, SVG_SECOND, rate, test->smooth[test->steepest], text);
    }
    svg_end(out);
}

/* The kinds of files, by how their names end. */
static const struct lrfind_kind {
    const char *end;
    struct target_kind target;
    void (*write)(FILE *out, const struct range_test *test, const char *title);
} lrfind_kinds[] = {
    {".svg", {"an SVG image", .head = "<svg "}, lrfind_write_svg},
    {".csv", {"a table of rates", .head = LRFIND_CSV_HEAD}, lrfind_write_csv},
};

/* NULL: none. */
static const struct lrfind_kind *lrfind_kind_of(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof lrfind_kinds / sizeof lrfind_kinds[0]; i++) {
        size_t end = strlen(lrfind_kinds[i].end);
        if (length > end && strcmp(path + length - end, lrfind_kinds[i].end) == 0)
            return &lrfind_kinds[i];
    }
    return NULL;
}

static enum status lrfind_check_files(const struct lrfind_request *request)
{
    const char *const inputs[] = {request->train.config, request->train.data,
                                  request->train.pretrained, request->train.init};
    for (int i = 0; i < request->out.count; i++) {
        const char *path = request->out.text[i];
        for (int k = 0; k < i; k++)
            if (fs_is_same_path(path, request->out.text[k]))
                FAIL(ST_USAGE, "'--out %s': the same file twice", path);
        const struct lrfind_kind *kind = lrfind_kind_of(path);
        if (!kind)
            FAIL(ST_USAGE, "'--out %s': expected a name that ends with .svg or .csv",
                 path);
        TRY(output_check(path, request->force, &kind->target, inputs, 4));
    }
    return ST_OK;
}

static enum status lrfind_write(const struct lrfind_request *request,
                                const struct range_test *test)
{
    char title[2 * FS_PATH + 64];
    snprintf(title, sizeof title, "Learning rate range test of %s",
             request->train.config);
    for (int i = 0; i < request->out.count; i++) {
        struct fs_writer writer;
        TRY(fs_write_begin(&writer, request->out.text[i]));
        lrfind_kind_of(request->out.text[i])->write(writer.file, test, title);
        TRY(fs_write_end(&writer));
    }
    return ST_OK;
}

/* --- the test --- */

static void lrfind_print_row(struct table *table, const struct range_test *test, int i)
{
    table_cellf(table, "%d", i + 1);
    table_cellf(table, "%.3g", test->rate[i]);
    table_cellf(table, "%.4f", test->loss[i]);
    table_cellf(table, "%.4f", test->smooth[i]);
    table_cellf(table, "%s",
                i == test->steepest ? "falls most steeply"
                : i == test->least  ? "least"
                                    : "");
}

/* Some of the steps, the steepest and the least among them. */
static void lrfind_print_table(const struct range_test *test)
{
    struct table table;
    int every = div_up(test->count, LRFIND_ROWS);
    table_init(&table, ">step", ">lr", ">loss", ">smoothed", "<", NULL);
    for (int i = 0; i < test->count; i++)
        if (i % every == 0 || i == test->count - 1 || i == test->steepest ||
            i == test->least)
            lrfind_print_row(&table, test, i);
    table_print(&table);
    table_release(&table);
}

static void lrfind_print_end(const struct range_test *test)
{
    if (test->end == RANGE_TEST_ROSE)
        log_out("stopped after step %d of %d: the loss rose to more than %g times its "
                "smallest\n",
                test->count, test->steps, RANGE_TEST_RISE);
    if (test->end == RANGE_TEST_BAD)
        log_out("stopped after step %d of %d: the numbers went bad\n", test->count,
                test->steps);
    if (test->steepest < 0)
        return;
    log_out("least smoothed loss at %.3g, a tenth of which is %.3g; steepest fall at "
            "%.3g\n",
            test->rate[test->least], test->rate[test->least] / 10,
            test->rate[test->steepest]);
    log_out("suggested optim.lr = %.3g\n", test->rate[test->steepest]);
}

static enum status lrfind_judge(const struct range_test *test)
{
    if (test->steepest < 0)
        FAIL(ST_FAIL,
             "no suggestion: the loss does not fall clearly at rates from %g to %g; try "
             "another --from or --to, or more --steps",
             test->rate[0], test->rate[test->count > 0 ? test->count - 1 : 0]);
    return ST_OK;
}

static enum status lrfind_run(struct train_session *session,
                              const struct lrfind_request *request)
{
    struct range_test test;
    enum status st;
    range_test_init(&test, request->from, request->to, (int)request->steps);
    TRY_TO(out, train_set_up(session));
    placement_print(&session->placement);
    train_note_frozen(session);
    log_out("%-10s %d steps of %d images, rates from %g to %g\n", "test", test.steps,
            session->config.run.train.batch, test.from, test.to);
    TRY_TO(out, train_start_new(session));
    TRY_TO(out, range_test_run(&test, session->trainer));
    lrfind_print_table(&test);
    if (comm_rank(session->comm) == 0)
        st = lrfind_write(request, &test);
    TRY_TO(out, comm_agree(session->comm, st));
    lrfind_print_end(&test);
    log_set_replicated(true);
    st = lrfind_judge(&test);
out:
    range_test_release(&test);
    return st;
}

/* --- the command line --- */

static enum status lrfind_check(const struct lrfind_request *request)
{
    if (request->steps < RANGE_TEST_LEAST || request->steps > RANGE_TEST_MOST)
        FAIL(ST_USAGE, "'--steps %lld': expected a whole number from %d to %d",
             request->steps, RANGE_TEST_LEAST, RANGE_TEST_MOST);
    if (!(request->from >= LRFIND_RATE_LEAST && request->from < request->to &&
          request->to <= LRFIND_RATE_MOST))
        FAIL(ST_USAGE, "rates from --from %g to --to %g: expected %g <= from < to <= %g",
             request->from, request->to, LRFIND_RATE_LEAST, LRFIND_RATE_MOST);
    return ST_OK;
}

static enum status lrfind_parse(struct lrfind_request *request, int argc, char **argv,
                                bool *help)
{
    struct train_request *train = &request->train;
    const struct cli_option options[] = {
        {"data", CLI_TEXT, &train->data, "PATH", TRAIN_DATA_HELP},
        {"image-size", CLI_TEXT, &train->image_size, "N|HxW", CLI_IMAGE_SIZE_HELP},
        {"steps", CLI_INT, &request->steps, "N",
         "steps from the first rate to the last, "
         "default 100"},
        {"from", CLI_REAL, &request->from, "LR", "first rate, default 1e-5"},
        {"to", CLI_REAL, &request->to, "LR", "last rate, default 10"},
        {"out", CLI_TEXTS, &request->out, "FILE",
         "write the losses: a picture (NAME.svg) or a table (NAME.csv); may be repeated"},
        {"force", CLI_FLAG, &request->force, NULL, "replace these files if they exist"},
        {"init", CLI_TEXT, &train->init, "CHECKPOINT", TRAIN_INIT_HELP},
        {"pretrained", CLI_TEXT, &train->pretrained, "WEIGHTS", TRAIN_PRETRAINED_HELP},
        {"freeze", CLI_TEXT, &train->freeze, "none|backbone|LAYER", TRAIN_FREEZE_HELP},
        {"threads", CLI_INT, &train->threads, "T", TRAIN_THREADS_HELP},
        {"no-verify", CLI_FLAG, &train->no_verify, NULL, CLI_NO_VERIFY_HELP},
        {"stall-timeout", CLI_INT, &train->stall_timeout, "SECONDS", STALL_HELP},
        {"set", CLI_TEXTS, &train->set, "SECTION.KEY=VALUE", TRAIN_SET_HELP},
        {0},
    };
    const struct cli_command command = {
        "lrfind", "CONFIG", 1, 1,
        "Find a learning rate: train some steps with rates that grow from step to step,\n"
        "and suggest the one at which the loss falls most steeply. Makes no run; also\n"
        "under mpirun.\n" CLI_CONFIG_HELP};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &train->config, &count));
    *help = count < 0;
    return *help ? ST_OK : lrfind_check(request);
}

enum status cmd_lrfind(struct comm *comm, int argc, char **argv)
{
    struct lrfind_request request = {
        .train = {.trial = true, .stall_timeout = STALL_TIMEOUT},
        .steps = 100,
        .from = 1e-5,
        .to = 10,
    };
    bool help;
    enum status st = ST_OK;
    TRY(lrfind_parse(&request, argc, argv, &help));
    if (help)
        return ST_OK;
    TRY(stall_watch(comm, request.train.stall_timeout));
    if (comm_rank(comm) == 0)
        st = lrfind_check_files(&request);
    TRY(comm_agree(comm, st));
    struct train_session session = {.comm = comm, .request = &request.train};
    config_init(&session.config);
    st = lrfind_run(&session, &request);
    trainer_free(session.trainer);
    train_close(&session);
    return st;
}
