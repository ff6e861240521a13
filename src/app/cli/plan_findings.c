/* plan: conclusions from the predicted rows, in a few sentences. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/log.h"
#include "base/mem.h"
#include "plan_print.h"

#define FINDINGS_COLUMNS  90
#define FINDINGS_HALF     0.5
#define FINDINGS_GOOD     0.8
#define FINDINGS_EXAMPLES 5

/* Prints the text with its lines broken at blanks, and frees it. */
static void findings_print_wrapped(char *text)
{
    size_t column = 0;
    char *rest = text;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        size_t length = strlen(word);
        bool fits = column + 1 + length <= FINDINGS_COLUMNS;
        log_out("%s%s", column == 0 ? "" : fits ? " " : "\n", word);
        column = column > 0 && fits ? column + 1 + length : length;
    }
    log_out("\n");
    free(text);
}

static const char *findings_seconds_text(double seconds, char text[32])
{
    if (seconds < 1)
        snprintf(text, 32, "%.3g ms", seconds * 1e3);
    else
        snprintf(text, 32, "%.3g s", seconds);
    return text;
}

/* Seconds of a step that ideal scaling of one rank's step would not have. */
struct findings_losses {
    double compute, latency, link, cpu, update;
};

static struct findings_losses findings_losses(const struct scaling_row *row,
                                              const struct scaling_row *one)
{
    double share = (double)row->batch / (double)one->batch / row->ranks;
    double exposed = row->reduce > 0 ? row->exposed / row->reduce : 0;
    double cpu = row->reduce - row->latency - row->link;
    return (struct findings_losses){
        .compute = row->compute - one->compute * share,
        .latency = exposed * row->latency,
        .link = exposed * row->link,
        .cpu = exposed * fmax(cpu, 0),
        .update = row->update - one->update * share,
    };
}

/* The largest loss of a row, in words; the caller frees. */
static char *findings_loss_reason(const struct scaling *s, const struct scaling_row *row,
                                  const struct scaling_row *one)
{
    struct findings_losses l = findings_losses(row, one);
    double most = fmax(fmax(l.compute, l.update), fmax(l.cpu, fmax(l.latency, l.link)));
    char lost[32], step[32];
    findings_seconds_text(most, lost);
    findings_seconds_text(row->step, step);
    if (most == l.compute && row->ranks > row->grains)
        return mem_format("there %s only %d grain%s of up to %d images for %d ranks",
                          row->grains > 1 ? "are" : "is", row->grains,
                          row->grains > 1 ? "s" : "", s->grain, row->ranks);
    if (most == l.compute && row->grains % row->ranks)
        return mem_format("%d grains cannot be divided evenly among %d ranks",
                          row->grains, row->ranks);
    if (most == l.compute && s->threads * fmin(row->ranks, s->per_node) > s->cpus)
        return mem_format("the threads of a node's %d ranks share %d CPUs",
                          (int)fmin(row->ranks, s->per_node), s->cpus);
    if (most == l.compute)
        return mem_format("ranks compute more slowly at the same time, or with small "
                          "shares (%s of a step of %s)",
                          lost, step);
    const char *what = most == l.update    ? "every rank does the whole update"
                       : most == l.latency ? "the sum over ranks waits for messages to "
                                             "arrive (latency)"
                       : most == l.link    ? "the sum over ranks fills the network "
                                             "(bandwidth)"
                                           : "the sum over ranks takes CPU time";
    return mem_format("%s, %s of a step of %s", what, lost, step);
}

/* The first of the rows at the end that are all below FINDINGS_HALF; NULL: the last is
   not. */
static const struct scaling_row *findings_first_below_half(const struct scaling_row *rows,
                                                           int count)
{
    const struct scaling_row *first = NULL;
    for (int i = count - 1; i >= 0 && rows[i].efficiency < FINDINGS_HALF; i--)
        first = &rows[i];
    return first;
}

static void findings_print_half(const struct scaling *s, const char *what,
                                const struct scaling_row *rows, int count,
                                const struct scaling_row *one)
{
    const struct scaling_row *half = findings_first_below_half(rows, count),
                             *last = &rows[count - 1];
    const struct scaling_row *shown = half ? half : last;
    char *why = findings_loss_reason(s, shown, one);
    if (half)
        findings_print_wrapped(
            mem_format("%s: from %d ranks on (%d node%s) less than half of the ideal "
                       "speed is reached, %.0f %%, because %s.",
                       what, half->ranks, half->nodes, half->nodes > 1 ? "s" : "",
                       100 * half->efficiency, why));
    else
        findings_print_wrapped(
            mem_format("%s: up to %d ranks at least half of the ideal speed is reached, "
                       "there %.0f %%; the largest loss is that %s.",
                       what, last->ranks, 100 * last->efficiency, why));
    free(why);
}

static void findings_print_fastest(const struct scaling *s,
                                   const struct scaling_row *rows, int count,
                                   const struct scaling_row *one)
{
    const struct scaling_row *best = &rows[0];
    char step[32];
    for (int i = 0; i < count; i++)
        if (rows[i].step < best->step)
            best = &rows[i];
    const struct scaling_row *next = best < &rows[count - 1] ? best + 1 : NULL;
    char *why = next ? findings_loss_reason(s, next, one) : NULL;
    char *text =
        mem_format("A batch of %lld is fastest%s on %d rank%s: %s a step, %.1f times "
                   "as fast as on one",
                   best->batch, rows[0].ranks > 1 ? ", of these," : "", best->ranks,
                   best->ranks > 1 ? "s" : "", findings_seconds_text(best->step, step),
                   one->step / best->step);
    findings_print_wrapped(next ? mem_format("%s. More make it slower: %s.", text, why)
                                : mem_format("%s.", text));
    free(text);
    free(why);
}

/* The batches with which some of the numbers of ranks reach FINDINGS_GOOD of the ideal
   speed. */
static void findings_print_batches(const struct scaling *s,
                                   const struct scaling_row *rows, int count)
{
    int first = 0, shown = 0;
    while (first < count && rows[first].ranks == 1)
        first++;
    int step = div_up(count - first, FINDINGS_EXAMPLES);
    char *text = mem_format("%.0f %% of the ideal speed needs a batch of at least",
                            100 * FINDINGS_GOOD);
    for (int i = first; i < count; i += step) {
        long long batch = scaling_batch_for(s, rows[i].ranks, FINDINGS_GOOD);
        char *more = batch ? mem_format("%s%s %lld on %d ranks", text, shown++ ? "," : "",
                                        batch, rows[i].ranks)
                           : mem_strdup(text);
        free(text);
        text = more;
    }
    if (shown)
        findings_print_wrapped(
            mem_format("%s (whole grains of %d, equal shares).", text, s->grain));
    else if (first < count)
        findings_print_wrapped(
            mem_format("No batch brings %d ranks to %.0f %% of the ideal speed.",
                       rows[first].ranks, 100 * FINDINGS_GOOD));
    free(text);
}

/* Said apart: the largest loss may be another one. */
static void findings_print_idle(const struct scaling *s, const struct scaling_row *rows,
                                int count)
{
    for (int i = 0; i < count; i++) {
        if (rows[i].ranks <= rows[i].grains)
            continue;
        findings_print_wrapped(mem_format(
            "A batch of %lld is %d grain%s of up to %d images: from %d ranks on "
            "some have none; a smaller train.grain makes more.",
            rows[i].batch, rows[i].grains, rows[i].grains > 1 ? "s" : "", s->grain,
            rows[i].grains + 1));
        return;
    }
}

static void findings_print_images(const struct scaling *s, const struct scaling_row *weak,
                                  int count)
{
    for (int i = 0; i < count; i++) {
        if (weak[i].batch <= (long long)s->images)
            continue;
        findings_print_wrapped(
            mem_format("From %d ranks on such a batch has more images than the data set, "
                       "%zu; the prediction is for a larger one.",
                       (int)(s->images / (size_t)s->batch) + 1, s->images));
        return;
    }
}

void plan_print_findings(const struct scaling *s, const struct scaling_row *rows,
                         const struct scaling_row *weak, int count)
{
    struct scaling_row one;
    scaling_predict(s, 1, s->batch, &one);
    if (rows[count - 1].ranks > 1) {
        findings_print_fastest(s, rows, count, &one);
        findings_print_half(s, "The same batch on more ranks", rows, count, &one);
        findings_print_half(s, "A batch that grows with the ranks", weak, count, &one);
        findings_print_batches(s, rows, count);
    }
    findings_print_idle(s, rows, count);
    findings_print_images(s, weak, count);
    if (scaling_covered(s) < SCALING_MOST)
        findings_print_wrapped(
            mem_format("For more than this node (%d rank%s) give --network, or start on "
                       "several nodes.",
                       s->per_node, s->per_node > 1 ? "s" : ""));
}
