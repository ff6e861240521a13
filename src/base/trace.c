#include "base/trace.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/timer.h"

struct trace_span {
    const char *what, *detail;
    double begin, end;
    size_t bytes;              /* of the message; async only */
    unsigned long long number; /* of the step; 0: not a step */
    bool async;
};

struct trace_lane {
    const char *name; /* NULL: "thread" */
    int number;
    int count;
    long lost;
    struct trace_span *span; /* owned: (spans) */
    int details, last;       /* last: the detail of the last span that has one */
    char **detail;           /* owned: (details), each once */
};

static struct trace_lane *lanes; /* owned; NULL: off */
static int lane_count, span_count;
static double zero;            /* timer_now seconds */
static atomic_int lanes_taken; /* by threads; may exceed lane_count */
static unsigned trace_number;  /* counts calls of trace_start */

/* The calling thread's lane, valid for trace number my_trace. */
static _Thread_local struct trace_lane *my_lane;
static _Thread_local unsigned my_trace;

void trace_start(int count, int spans, double origin)
{
    trace_stop();
    lane_count = count;
    span_count = spans;
    zero = origin;
    trace_number++;
    atomic_store(&lanes_taken, 0);
    struct trace_lane *fresh = mem_zeroed((size_t)count, sizeof *fresh);
    for (int i = 0; i < count; i++)
        fresh[i].span = mem_zeroed((size_t)spans, sizeof *fresh[i].span);
    lanes = fresh;
}

static void trace_lane_release(struct trace_lane *lane)
{
    for (int i = 0; i < lane->details; i++)
        free(lane->detail[i]);
    free(lane->detail);
    free(lane->span);
}

void trace_stop(void)
{
    for (int i = 0; lanes && i < lane_count; i++)
        trace_lane_release(&lanes[i]);
    free(lanes);
    lanes = NULL;
}

bool trace_on(void)
{
    return lanes != NULL;
}

/* The calling thread's lane; NULL if there are more threads than lanes. */
static struct trace_lane *trace_my_lane(void)
{
    if (my_trace == trace_number)
        return my_lane;
    int index = atomic_fetch_add(&lanes_taken, 1);
    my_trace = trace_number;
    my_lane = index < lane_count ? &lanes[index] : NULL;
    if (my_lane)
        my_lane->number = index;
    return my_lane;
}

void trace_lane(const char *name, int number)
{
    struct trace_lane *lane = lanes ? trace_my_lane() : NULL;
    if (!lane || lane->name)
        return;
    lane->name = name;
    lane->number = number;
}

double trace_begin(void)
{
    return lanes ? timer_now() : 0;
}

/* A copy that lives as long as the lane. Layers follow each other in one order or the
   other, so the search begins beside the last one: last, +1, -1, +2, -2, ... */
static const char *trace_keep(struct trace_lane *lane, const char *detail)
{
    int count = lane->details;
    for (int i = 0; i < count; i++) {
        int away = i % 2 ? (i + 1) / 2 : count - i / 2;
        int at = (lane->last + away) % count;
        if (strcmp(lane->detail[at], detail) == 0) {
            lane->last = at;
            return lane->detail[at];
        }
    }
    lane->detail = mem_resize(lane->detail, (size_t)count + 1, sizeof *lane->detail);
    lane->detail[count] = mem_format("%s", detail);
    lane->last = count;
    lane->details++;
    return lane->detail[count];
}

static void trace_put(const struct trace_span *span)
{
    struct trace_lane *lane = trace_my_lane();
    if (!lane)
        return;
    if (lane->count == span_count) {
        lane->lost++;
        return;
    }
    struct trace_span *put = &lane->span[lane->count++];
    *put = *span;
    if (span->detail)
        put->detail = trace_keep(lane, span->detail);
}

/* trace_begin returned 0 if tracing was off when the span began: it is left out. */
void trace_span(const char *what, const char *detail, double begin, double end)
{
    if (!lanes || begin <= 0)
        return;
    trace_put(
        &(struct trace_span){.what = what, .detail = detail, .begin = begin, .end = end});
}

void trace_end(const char *what, const char *detail, double begin)
{
    if (lanes)
        trace_span(what, detail, begin, timer_now());
}

void trace_step(unsigned long long number, double begin)
{
    if (lanes && begin > 0)
        trace_put(&(struct trace_span){
            .what = "step", .number = number, .begin = begin, .end = timer_now()});
}

void trace_async(const char *what, size_t bytes, double begin)
{
    if (!lanes || begin <= 0)
        return;
    trace_put(&(struct trace_span){
        .what = what, .bytes = bytes, .begin = begin, .end = timer_now(), .async = true});
}

/* --- output --- */

struct trace_output {
    char *data;
    size_t used, room;
};

static void trace_append(struct trace_output *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void trace_append(struct trace_output *text, const char *fmt, ...)
{
    enum { LINE = 1024 }; /* longer than any event */
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

/* The name of a process or thread, without characters that JSON would escape. */
static void trace_append_name(struct trace_output *text, const char *what, int pid,
                              int tid, const char *name)
{
    char clean[256];
    size_t n = 0;
    for (; *name && n < sizeof clean - 1; name++)
        if ((unsigned char)*name >= ' ' && *name != '"' && *name != '\\')
            clean[n++] = *name;
    clean[n] = '\0';
    trace_append(text,
                 "{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d,"
                 "\"args\":{\"name\":\"%s\"}},\n",
                 what, pid, tid, clean);
}

static void trace_append_span(struct trace_output *text, const struct trace_span *span,
                              int pid, int tid, int id)
{
    double begin = (span->begin - zero) * 1e6, length = (span->end - span->begin) * 1e6;
    if (span->async) { /* two events, since such spans may overlap */
        trace_append(text,
                     "{\"ph\":\"b\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,"
                     "\"id\":%d,\"ts\":%.3f,\"args\":{\"bytes\":%zu}},\n",
                     span->what, span->what, pid, tid, id, begin, span->bytes);
        trace_append(text,
                     "{\"ph\":\"e\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,"
                     "\"id\":%d,\"ts\":%.3f},\n",
                     span->what, span->what, pid, tid, id, begin + length);
        return;
    }
    trace_append(text,
                 "{\"ph\":\"X\",\"name\":\"%s\",\"cat\":\"%s\",\"pid\":%d,\"tid\":%d,"
                 "\"ts\":%.3f,\"dur\":%.3f",
                 span->detail ? span->detail : span->what, span->what, pid, tid, begin,
                 length);
    if (span->number)
        trace_append(text, ",\"args\":{\"number\":%llu}", span->number);
    trace_append(text, "},\n");
}

char *trace_text(int pid, const char *process, size_t *bytes)
{
    struct trace_output text = {0};
    int used = atomic_load(&lanes_taken), id = 0;
    trace_append_name(&text, "process_name", pid, 0, process);
    for (int i = 0; i < lane_count && i < used; i++) {
        const struct trace_lane *lane = &lanes[i];
        char name[64];
        if (lane->number >= 0)
            snprintf(name, sizeof name, "%s %d", lane->name ? lane->name : "thread",
                     lane->number);
        else
            snprintf(name, sizeof name, "%s", lane->name);
        trace_append_name(&text, "thread_name", pid, i, name);
        for (int s = 0; s < lane->count; s++)
            trace_append_span(&text, &lane->span[s], pid, i, id++);
        if (lane->lost)
            trace_append(&text,
                         "{\"ph\":\"M\",\"name\":\"lost_spans\",\"pid\":%d,\"tid\":%d,"
                         "\"args\":{\"count\":%ld}},\n",
                         pid, i, lane->lost);
    }
    *bytes = text.used;
    return text.data;
}
