#include "report_answers.h"

#include <stdlib.h>
#include <string.h>

#include "base/label_set.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/portable_math.h"
#include "comm/comm.h"
#include "html.h"
#include "io/image.h"

/* Images with one class: the session keeps what mistakes need. Images with several: it
   keeps all answers. */
static enum status answers_run(struct report_answers *answers)
{
    struct eval_session *session = &answers->session;
    TRY(eval_session_find(session));
    answers->request.rows = session->network.model.multi_label;
    TRY(eval_session_open(session));
    return eval_session_run(session);
}

/* The message of the first rank that has one, on all ranks. */
static void answers_share_reason(struct report_answers *answers, struct comm *comm)
{
    double first = *answers->why ? -comm_rank(comm) : -comm_size(comm);
    comm_max_f64(comm, &first, 1);
    if ((int)-first < comm_size(comm))
        comm_bcast(comm, answers->why, sizeof answers->why, (int)-first);
}

void report_answers_open(struct report_answers *answers, struct comm *comm,
                         const char *run, const char *data, int threads)
{
    *answers = (struct report_answers){.request = {.checkpoint = run,
                                                   .data = data,
                                                   .split = DATASET_TEST,
                                                   .choosing = true,
                                                   .views = -1,
                                                   .threshold = -1,
                                                   .threads = threads,
                                                   .stages = 1}};
    answers->session = (struct eval_session){.comm = comm, .request = &answers->request};
    status_capture(answers->why);
    answers->status = answers_run(answers);
    status_capture(NULL);
    answers_share_reason(answers, comm);
}

void report_answers_close(struct report_answers *answers)
{
    eval_session_close(&answers->session);
}

/* --- mistakes --- */

/* An image whose answer is wrong. Of images with several classes: where the answer is
   furthest off, the class that it names although the image has it not, or the
   converse. */
struct mistake {
    uint64_t image;
    int class;        /* the answer, or the class that is wrong */
    bool missed;      /* the image has the class, and the answer has not */
    float confidence; /* the probability of what was answered */
};

static int mistake_descends(const void *a, const void *b)
{
    const struct mistake *x = a, *y = b;
    if (x->confidence < y->confidence || x->confidence > y->confidence)
        return x->confidence < y->confidence ? 1 : -1;
    return (x->image > y->image) - (x->image < y->image);
}

static bool mistake_of_class(const struct eval_session *session, uint64_t i,
                             struct mistake *mistake)
{
    const struct answer *answer = &session->answer[i];
    *mistake = (struct mistake){i, answer->predicted, false,
                                (float)portable_exp((double)answer->logprob)};
    return answer->rank > 0;
}

static bool mistake_of_set(const struct eval_session *session, uint64_t i,
                           struct mistake *mistake)
{
    int classes = session->network.info.classes;
    const float *logprobs = session->logprobs + i * (uint64_t)classes;
    const uint8_t *set = loader_label_set(&session->loader, i);
    float limit = evaluation_limit(eval_session_threshold(session));
    *mistake = (struct mistake){.image = i, .class = -1};
    for (int c = 0; c < classes; c++) {
        bool has = label_set_has(set, c), answered = logprobs[c] >= limit;
        float p = (float)portable_exp((double)logprobs[c]);
        float confidence = answered ? p : 1 - p;
        if (has == answered || (mistake->class >= 0 && confidence <= mistake->confidence))
            continue;
        *mistake = (struct mistake){i, c, has, confidence};
    }
    return mistake->class >= 0;
}

/* All of them, in order; the caller frees. */
static struct mistake *mistakes_find(const struct eval_session *session, size_t *count)
{
    size_t wrong = session->result.count - session->result.correct;
    struct mistake *mistake = mem_zeroed(wrong + 1, sizeof *mistake);
    *count = 0;
    for (uint64_t i = 0; i < session->result.count && *count < wrong; i++)
        *count += (session->answer ? mistake_of_class : mistake_of_set)(session, i,
                                                                        &mistake[*count]);
    qsort(mistake, *count, sizeof *mistake, mistake_descends);
    return mistake;
}

/* The classes of an image; the caller frees. */
static char *mistake_label(const struct eval_session *session, uint64_t image)
{
    char *const *name = session->network.info.class_name;
    char *text = mem_strdup("");
    if (session->answer) {
        mem_append(&text, "%s", name[loader_class(&session->loader, image)]);
        return text;
    }
    const uint8_t *set = loader_label_set(&session->loader, image);
    for (int c = 0; c < session->network.info.classes; c++)
        if (label_set_has(set, c))
            mem_append(&text, "%s%s", *text ? ", " : "", name[c]);
    if (!*text)
        mem_append(&text, "none of the classes");
    return text;
}

static void mistake_put(FILE *out, const struct eval_session *session,
                        const struct mistake *mistake, uint8_t *pixels, char *const *path)
{
    const struct dataset_info *data = &session->dataset.info;
    const struct image image = {
        .h = data->shape.h, .w = data->shape.w, .c = data->shape.c, .pixel = pixels};
    char *label = mistake_label(session, mistake->image), why[STATUS_TEXT];
    fputs("<figure>", out);
    status_capture(why);
    if (dataset_read_rows(data, session->split, mistake->image, 1, pixels, NULL) == ST_OK)
        html_image(out, &image, label);
    else
        html_text(out, why);
    status_capture(NULL);
    fputs("<figcaption><b>", out);
    html_text(out, mistake->missed ? "no " : "");
    html_text(out, session->network.info.class_name[mistake->class]);
    html_textf(out, " %.1f %%", 100 * (double)mistake->confidence);
    fputs("</b><br>is ", out);
    html_text(out, label);
    fputs("<br><span class=\"faint\">", out);
    if (path)
        html_text(out, path[mistake->image]);
    else
        html_textf(out, "%s image %llu", dataset_split_name[session->split],
                   (unsigned long long)mistake->image);
    fputs("</span></figcaption></figure>\n", out);
    free(label);
}

void report_mistakes(FILE *out, const struct report_answers *answers, int most)
{
    const struct eval_session *session = &answers->session;
    const struct dataset_info *data = &session->dataset.info;
    char **path = NULL;
    size_t count;
    if (data->has_paths && dataset_read_paths(data, session->split, &path) != ST_OK)
        path = NULL;
    struct mistake *mistake = mistakes_find(session, &count);
    uint8_t *pixels = mem_zeroed(dataset_image_bytes(data->shape), 1);
    fputs("<div class=\"pictures\">\n", out);
    for (size_t i = 0; i < count && i < (size_t)most; i++)
        mistake_put(out, session, &mistake[i], pixels, path);
    fputs("</div>\n", out);
    if (path)
        fs_free_list(path, (int)data->count[session->split]);
    free(pixels);
    free(mistake);
}
