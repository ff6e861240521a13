#include "train/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"
#include "base/parse.h"

#define PLAN_THREADS_MOST (1 << 20)

void plan_init(struct parallel_plan *plan, int threads)
{
    *plan = (struct parallel_plan){.threads = threads,
                                   .lanes = threads,
                                   .teams = true,
                                   .bucket = PLAN_BUCKET,
                                   .align = 1,
                                   .reduce = "auto"};
}

int plan_lanes(const struct parallel_plan *plan, int grains)
{
    int lanes = grains < plan->lanes ? grains : plan->lanes;
    return lanes > 0 ? lanes : 1;
}

int plan_members(const struct parallel_plan *plan, int grains)
{
    int lanes = plan_lanes(plan, grains);
    return plan->teams ? div_up(plan->threads, lanes) : 1;
}

int plan_buckets(const struct parallel_plan *plan, const struct model *model,
                 size_t count, struct plan_bucket *bucket, int most)
{
    size_t end = count;
    int buckets = 0;
    for (int op = model->ops - 1; op >= 0 && end > model->learn_begin; op--) {
        const struct layer *layer = model->op[op];
        size_t begin = layer->tensors ? layer->tensor[0].offset : end;
        if (begin < model->learn_begin)
            begin = model->learn_begin;
        bool last = begin == model->learn_begin;
        if ((end - begin < plan->bucket || buckets == most - 1) && !last)
            continue;
        bucket[buckets++] = (struct plan_bucket){begin, end};
        end = begin;
    }
    ASSERT(end == model->learn_begin);
    return buckets;
}

/* --- as text --- */

static char *plan_splits_text(const unsigned char *splits, int ops)
{
    char *text = mem_strdup("");
    for (int op = 0, next; op < ops; op = next) {
        for (next = op + 1; next < ops && splits[next] == splits[op];)
            next++;
        mem_append(&text, "%s%s", op ? "," : "", split_name((enum split)splits[op]));
        if (next - op > 1)
            mem_append(&text, "*%d", next - op);
    }
    return text;
}

char *plan_text(const struct parallel_plan *plan, const struct model *model)
{
    char *forward = plan_splits_text(plan->split.forward, model->ops);
    char *backward = plan_splits_text(plan->split.backward, model->ops);
    char *text = mem_format("threads=%d lanes=%d teams=%s bucket=%zu align=%d reduce=%s "
                            "forward=%s backward=%s",
                            plan->threads, plan->lanes, plan->teams ? "on" : "off",
                            plan->bucket, plan->align, plan->reduce, forward, backward);
    free(forward);
    free(backward);
    return text;
}

/* The value of the next word, which must be "name=value"; NULL: it is not. */
static const char *plan_next_value(char **rest, const char *name)
{
    size_t length = strlen(name);
    char *word = strsep(rest, " ");
    bool here = word && strncmp(word, name, length) == 0 && word[length] == '=';
    return here ? word + length + 1 : NULL;
}

static bool plan_next_number(char **rest, const char *name, long long hi, long long *out)
{
    const char *value = plan_next_value(rest, name);
    return value && parse_int(value, 1, hi, out);
}

static bool plan_next_word(char **rest, const char *name, char out[PLAN_WORD])
{
    const char *value = plan_next_value(rest, name);
    size_t length = value ? strlen(value) : 0;
    if (length == 0 || length >= PLAN_WORD)
        return false;
    memcpy(out, value, length + 1);
    return true;
}

static bool plan_find_split(const char *name, unsigned char *out)
{
    for (int s = 0; s < SPLITS; s++) {
        if (strcmp(split_name((enum split)s), name) != 0)
            continue;
        *out = (unsigned char)s;
        return true;
    }
    return false;
}

static bool plan_next_splits(char **rest, const char *name, int ops, unsigned char *out)
{
    char *list = (char *)(uintptr_t)plan_next_value(rest, name);
    int count = 0;
    for (char *entry; list && (entry = strsep(&list, ",")) != NULL;) {
        const char *word = strsep(&entry, "*");
        long long times = 1;
        unsigned char split;
        if ((entry && !parse_int(entry, 1, MODEL_LAYERS, &times)) ||
            times > ops - count || !plan_find_split(word, &split))
            return false;
        memset(out + count, split, (size_t)times);
        count += (int)times;
    }
    return count == ops;
}

bool plan_read(struct parallel_plan *plan, const struct model *model, const char *text)
{
    char *copy = mem_strdup(text), *rest = copy;
    const char *teams = NULL;
    long long threads = 0, lanes = 0, bucket = 0, align = 0;
    *plan = (struct parallel_plan){0};
    bool good = plan_next_number(&rest, "threads", PLAN_THREADS_MOST, &threads) &&
                plan_next_number(&rest, "lanes", threads, &lanes) &&
                (teams = plan_next_value(&rest, "teams")) != NULL &&
                parse_bool(teams, &plan->teams) &&
                plan_next_number(&rest, "bucket", 1LL << 40, &bucket) &&
                plan_next_number(&rest, "align", PLAN_THREADS_MOST, &align) &&
                plan_next_word(&rest, "reduce", plan->reduce) &&
                plan_next_splits(&rest, "forward", model->ops, plan->split.forward) &&
                plan_next_splits(&rest, "backward", model->ops, plan->split.backward) &&
                rest == NULL;
    plan->threads = (int)threads;
    plan->lanes = (int)lanes;
    plan->bucket = (size_t)bucket;
    plan->align = (int)align;
    free(copy);
    return good;
}

const char *plan_summary(const struct parallel_plan *plan, int grains)
{
    static char text[160];
    int lanes = plan_lanes(plan, grains), members = plan_members(plan, grains);
    const char *s = plan->threads > 1 ? "s" : "";
    if (members == 1 && lanes >= plan->threads)
        snprintf(text, sizeof text, "%d thread%s, each with grains of its own",
                 plan->threads, s);
    else if (members == 1)
        snprintf(text, sizeof text, "%d of %d threads, each with grains of its own",
                 lanes, plan->threads);
    else if (lanes == 1)
        snprintf(text, sizeof text, "%d threads that share every grain", plan->threads);
    else
        snprintf(text, sizeof text, "%d threads, up to %d of them sharing a grain",
                 plan->threads, members);
    return text;
}
