#include "base/trace.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/timer.h"

struct span {
    const char *what, *detail;
    double begin, end;
    size_t bytes;              /* beside: of the message */
    unsigned long long number; /* 0: none */
    bool beside;
};

struct lane {
    const char *name; /* NULL: "thread" */
    int number;
    int count;
    long lost;
    struct span *span; /* owned: (spans) */
};

static struct lane *lanes; /* owned; NULL: off */
static int lane_count, span_count;
static double zero;
static atomic_int taken; /* lanes that have a thread */
static unsigned round_number;

/* Which lane is the thread's, in which trace. */
static _Thread_local struct lane *mine;
static _Thread_local unsigned mine_round;

void trace_start(int count, int spans, double origin)
{
    trace_stop();
    lane_count = count;
    span_count = spans;
    zero = origin;
    round_number++;
    atomic_store(&taken, 0);
    struct lane *fresh = mem_zeroed((size_t)count, sizeof *fresh);
    for (int i = 0; i < count; i++)
        fresh[i].span = mem_zeroed((size_t)spans, sizeof *fresh[i].span);
    lanes = fresh;
}

void trace_stop(void)
{
    for (int i = 0; lanes && i < lane_count; i++)
        free(lanes[i].span);
    free(lanes);
    lanes = NULL;
}

bool trace_on(void)
{
    return lanes != NULL;
}

/* NULL: there are more threads than lanes. */
static struct lane *my_lane(void)
{
    if (mine_round == round_number)
        return mine;
    int index = atomic_fetch_add(&taken, 1);
    mine_round = round_number;
    mine = index < lane_count ? &lanes[index] : NULL;
    if (mine)
        mine->number = index;
    return mine;
}

void trace_lane(const char *name, int number)
{
    struct lane *lane = lanes ? my_lane() : NULL;
    if (!lane || lane->name)
        return;
    lane->name = name;
    lane->number = number;
}

double trace_begin(void)
{
    return lanes ? timer_now() : 0;
}

static void put(const struct span *span)
{
    struct lane *lane = my_lane();
    if (!lane)
        return;
    if (lane->count == span_count)
        lane->lost++;
    else
        lane->span[lane->count++] = *span;
}

/* What began before the trace is not in it. */
void trace_span(const char *what, const char *detail, double begin, double end)
{
    if (!lanes || begin <= 0)
        return;
    put(&(struct span){.what = what, .detail = detail, .begin = begin, .end = end});
}

void trace_end(const char *what, const char *detail, double begin)
{
    if (lanes)
        trace_span(what, detail, begin, timer_now());
}

void trace_step(unsigned long long number, double begin)
{
    if (lanes && begin > 0)
        put(&(struct span){
            .what = "step", .number = number, .begin = begin, .end = timer_now()});
}

void trace_async(const char *what, size_t bytes, double begin)
{
    if (!lanes || begin <= 0)
        return;
    put(&(struct span){.what = what,
                       .bytes = bytes,
                       .begin = begin,
                       .end = timer_now(),
                       .beside = true});
}

/* --- as text --- */

struct text {
    char *data;
    size_t used, room;
};

static void append(struct text *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct text *text, const char *fmt, ...)
{
    enum { LINE = 1024 }; /* longer than any event: names are short */
    if (text->room - text->used < LINE) {
        text->room = 2 * text->room + LINE;
        text->data = mem_resize(text->data, text->room, 1);
    }
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text->data + text->used, LINE, fmt, args);
    va_end(args);
    text->used += (size_t)(n < LINE ? n : LINE - 1);
}

/* Host names and the like, with what JSON does not take left out. */
static void append_name(struct text *text, const char *what, int pid, int tid,
                        const char *name)
{
    char clean[256];
    size_t n = 0;
    for (; *name && n < sizeof clean - 1; name++)
        if ((unsigned char)*name >= ' ' && *name != '"' && *name != '\\')
            clean[n++] = *name;
    clean[n] = '\0';
    append(text,
           "{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d,"
           "\"args\":{\"name\":\"%s\"}},\n",
           what, pid, tid, clean);
}

static void append_span(struct text *text, const struct span *span, int pid, int tid,
                        int id)
{
    double begin = (span->begin - zero) * 1e6, length = (span->end - span->begin) * 1e6;
    if (span->beside) { /* two events: such spans may overlap */
        append(text,
               "{\"ph\":\"b\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,"
               "\"id\":%d,\"ts\":%.3f,\"args\":{\"bytes\":%zu}},\n",
               span->what, span->what, pid, tid, id, begin, span->bytes);
        append(text,
               "{\"ph\":\"e\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,"
               "\"id\":%d,\"ts\":%.3f},\n",
               span->what, span->what, pid, tid, id, begin + length);
        return;
    }
    append(text,
           "{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,"
           "\"ts\":%.3f,\"dur\":%.3f",
           span->detail ? span->detail : span->what, span->what, pid, tid, begin, length);
    if (span->number)
        append(text, ",\"args\":{\"number\":%llu}", span->number);
    append(text, "},\n");
}

char *trace_text(int pid, const char *process, size_t *bytes)
{
    struct text text = {0};
    int used = atomic_load(&taken), id = 0;
    append_name(&text, "process_name", pid, 0, process);
    for (int i = 0; i < lane_count && i < used; i++) {
        const struct lane *lane = &lanes[i];
        char name[64];
        if (lane->number >= 0)
            snprintf(name, sizeof name, "%s %d", lane->name ? lane->name : "thread",
                     lane->number);
        else
            snprintf(name, sizeof name, "%s", lane->name);
        append_name(&text, "thread_name", pid, i, name);
        for (int s = 0; s < lane->count; s++)
            append_span(&text, &lane->span[s], pid, i, id++);
        if (lane->lost)
            append(&text,
                   "{\"ph\":\"M\",\"name\":\"lost_spans\",\"pid\":%d,\"tid\":%d,"
                   "\"args\":{\"count\":%ld}},\n",
                   pid, i, lane->lost);
    }
    *bytes = text.used;
    return text.data;
}
