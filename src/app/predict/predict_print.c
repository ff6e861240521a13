/* predict_print: answers as lines on stdout, errors on stderr. A rendered line begins
   with the stream that it is for and ends with a NUL. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "predict_sink.h"

#define PRINT_OUT   'o'
#define PRINT_ERROR 'e'

static void print_add_line(struct predict_text *text, char stream, const char *line)
{
    predict_text_add(text, &stream, 1);
    predict_text_add(text, line, strlen(line) + 1);
}

static const char *print_inverted(const struct predict_sink *sink,
                                  const struct prediction *prediction)
{
    if (!prediction->inverted)
        return "";
    return sink->batch->treatment.invert == TREATMENT_INVERT_EACH
               ? " (dark on light, inverted)"
               : " (inverted, as the training images were)";
}

/* Without --top, of an image that may have several classes all that are likely. */
static int print_count(const struct predict_sink *sink, const struct predictions_row *row)
{
    bool sets = sink->batch->network->model.multi_label;
    return sets && sink->request->ask.top == 0 ? row->labels : sink->batch->ask.top;
}

static void print_render(const struct predict_sink *sink,
                         const struct prediction *prediction, struct predict_text *text)
{
    const struct network *network = sink->batch->network;
    const struct predictions_row *row = &prediction->row;
    if (row->error) {
        print_add_line(text, PRINT_ERROR, row->error);
        return;
    }
    int count = print_count(sink, row);
    char *line = mem_format("%s%s:", row->path, print_inverted(sink, prediction));
    if (!network->model.multi_label && row->labels == 0)
        mem_append(&line, "  " PREDICTIONS_UNSURE);
    for (int k = 0; k < count; k++)
        mem_append(&line, "  %s %.1f %%", network->info.class_name[row->list[k].class],
                   100 * row->list[k].p);
    if (count == 0)
        mem_append(&line, "  none");
    print_add_line(text, PRINT_OUT, line);
    free(line);
}

static enum status print_take(struct predict_sink *sink, const struct predict_text *text)
{
    (void)sink;
    for (const char *line = text->data; line < text->data + text->bytes;
         line += strlen(line) + 1) {
        if (*line == PRINT_ERROR)
            log_error("%s", line + 1);
        else
            log_out("%s\n", line + 1);
    }
    return ST_OK;
}

static enum status print_begin(struct predict_sink *sink, struct predict_names *names,
                               struct predict_tally *tally)
{
    (void)sink;
    (void)names;
    (void)tally;
    return ST_OK;
}

static enum status print_finish(struct predict_sink *sink,
                                const struct predict_tally *tally)
{
    (void)sink;
    (void)tally;
    return ST_OK;
}

const struct predict_sink_ops predict_print = {print_render, print_take, print_begin,
                                               print_finish};
