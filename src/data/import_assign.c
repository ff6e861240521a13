/* Gives the pictures of an import their splits and groups. */
#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/sampler.h"
#include "import_check.h"
#include "import_impl.h"
#include "import_labels.h"

#define GROUP_ORDER 0x67726f75u /* of the sampler: "epochs" of classes are below it */

/* --- groups by the path --- */

static enum status import_group_names(const struct import_set *set, const regex_t *regex,
                                      const char *pattern, char **name)
{
    for (size_t i = 0; i < set->count; i++) {
        const char *path = set->picture[i].path;
        regmatch_t match[2];
        if (regexec(regex, path, 2, match, 0) != 0)
            FAIL(ST_FAIL,
                 "'%s' does not match --group-by '%s': every picture must be in a group",
                 path, pattern);
        const regmatch_t *part =
            regex->re_nsub > 0 && match[1].rm_so >= 0 ? &match[1] : &match[0];
        name[i] =
            mem_format("%.*s", (int)(part->rm_eo - part->rm_so), path + part->rm_so);
        if (!*name[i])
            FAIL(ST_FAIL, "--group-by '%s' matches nothing in '%s': the group is empty",
                 pattern, path);
    }
    return ST_OK;
}

enum status import_group(struct import_set *set, const char *pattern)
{
    regex_t regex;
    int error = regcomp(&regex, pattern, REG_EXTENDED);
    if (error) {
        char what[256];
        regerror(error, &regex, what, sizeof what);
        FAIL(ST_USAGE, "--group-by '%s' is not a regular expression: %s", pattern, what);
    }
    char **name = mem_zeroed(set->count + 1, sizeof *name);
    enum status st = import_group_names(set, &regex, pattern, name);
    if (st == ST_OK)
        import_number_groups(set, name);
    for (size_t i = 0; i < set->count; i++)
        free(name[i]);
    free(name);
    regfree(&regex);
    return st;
}

/* --- shares --- */

static bool import_is_open(const struct import_picture *picture)
{
    return !picture->reason &&
           (picture->split == IMPORT_SPLIT_OPEN || picture->split == DATASET_TRAIN);
}

/* For each class, and in a multi-label set for the pictures without any: how many open
   pictures it has, and how many of them go where. */
struct assign_class {
    size_t open, seen;
    size_t want[DATASET_SPLITS];
    struct sampler order;
};

static struct assign_class *assign_classes(const struct import_set *set,
                                           const double share[DATASET_SPLITS],
                                           uint64_t seed)
{
    struct assign_class *class = mem_zeroed((size_t)set->classes + 1, sizeof *class);
    for (size_t i = 0; i < set->count; i++)
        class[set->picture[i].class].open += import_is_open(&set->picture[i]);
    for (int c = 0; c <= set->classes; c++) {
        struct assign_class *a = &class[c];
        if (a->open == 0)
            continue;
        size_t test = (size_t)((double)a->open * share[DATASET_TEST] + 0.5);
        size_t val = (size_t)((double)a->open * share[DATASET_VAL] + 0.5);
        if (test > a->open - 1)
            test = a->open - 1;
        if (val > a->open - 1 - test)
            val = a->open - 1 - test;
        a->want[DATASET_TEST] = test;
        a->want[DATASET_VAL] = val;
        a->want[DATASET_TRAIN] = a->open - test - val;
        sampler_init(&a->order, seed, (uint32_t)c, a->open);
    }
    return class;
}

static void assign_single(struct import_set *set, struct assign_class *class)
{
    for (size_t i = 0; i < set->count; i++) {
        struct import_picture *picture = &set->picture[i];
        if (!import_is_open(picture))
            continue;
        struct assign_class *a = &class[picture->class];
        size_t place = sampler_at(&a->order, a->seen++), test = a->want[DATASET_TEST];
        picture->split = place < test                          ? DATASET_TEST
                         : place < test + a->want[DATASET_VAL] ? DATASET_VAL
                                                               : DATASET_TRAIN;
    }
}

/* A group's pictures are member[first .. first + count), indices into the set. */
struct assign_group {
    size_t first, count;
};

struct assign_groups {
    struct import_set *set;
    struct assign_class *class;
    size_t *got[DATASET_SPLITS]; /* pictures of each class so far */
    size_t *have;                /* of each class, in the group at hand; else 0 */
    size_t placed[DATASET_SPLITS], wanted[DATASET_SPLITS];
    struct assign_group *group;
    size_t *member;
    size_t groups;
};

/* Pictures without a group are groups of one. */
static void assign_collect(struct assign_groups *all)
{
    const struct import_set *set = all->set;
    size_t named = (size_t)set->groups, next = named, at = 0;
    all->group = mem_zeroed(named + set->count + 1, sizeof *all->group);
    all->member = mem_zeroed(set->count + 1, sizeof *all->member);
    size_t *of = mem_zeroed(set->count + 1, sizeof *of);
    for (size_t i = 0; i < set->count; i++) {
        if (!import_is_open(&set->picture[i]))
            continue;
        of[i] = set->picture[i].group >= 0 ? (size_t)set->picture[i].group : next++;
        all->group[of[i]].count++;
    }
    for (size_t g = 0; g < next; g++) {
        all->group[g].first = at;
        at += all->group[g].count;
        all->group[g].count = 0;
    }
    for (size_t i = 0; i < set->count; i++)
        if (import_is_open(&set->picture[i])) {
            struct assign_group *group = &all->group[of[i]];
            all->member[group->first + group->count++] = i;
        }
    all->groups = next;
    free(of);
}

/* By how many pictures the classes come nearer to what a split shall have of them. */
static double assign_gain(const struct assign_groups *all,
                          const struct assign_group *group, int split)
{
    double gain = 0;
    for (size_t m = 0; m < group->count; m++) {
        int c = all->set->picture[all->member[group->first + m]].class;
        if (all->have[c] == 0)
            continue;
        /* Each picture of the class gives its part of the class's gain. */
        double want = (double)all->class[c].want[split], got = (double)all->got[split][c];
        double n = (double)all->have[c];
        gain += (fabs(want - got) - fabs(want - got - n)) / n;
    }
    return gain;
}

static int assign_best_split(const struct assign_groups *all,
                             const struct assign_group *group)
{
    static const int order[] = {DATASET_TRAIN, DATASET_TEST, DATASET_VAL};
    int best = DATASET_TRAIN;
    double best_gain = -HUGE_VAL, best_filled = 0;
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        int s = order[i];
        if (all->wanted[s] == 0)
            continue;
        double gain = assign_gain(all, group, s);
        double filled = (double)all->placed[s] / (double)all->wanted[s];
        if (gain > best_gain + 1e-9 ||
            (gain > best_gain - 1e-9 && filled < best_filled)) {
            best = s;
            best_gain = gain;
            best_filled = filled;
        }
    }
    return best;
}

static void assign_place(struct assign_groups *all, const struct assign_group *group,
                         int split)
{
    for (size_t m = 0; m < group->count; m++) {
        struct import_picture *picture =
            &all->set->picture[all->member[group->first + m]];
        picture->split = split;
        all->got[split][picture->class]++;
    }
    all->placed[split] += group->count;
}

static void assign_unplace(struct assign_groups *all, const struct assign_group *group)
{
    for (size_t m = 0; m < group->count; m++) {
        const struct import_picture *picture =
            &all->set->picture[all->member[group->first + m]];
        all->got[picture->split][picture->class]--;
        all->placed[picture->split]--;
    }
}

/* A class none of whose pictures came to train gets its smallest group there. */
static void assign_fill_train(struct assign_groups *all)
{
    for (int c = 0; c <= all->set->classes; c++) {
        const struct assign_group *least = NULL;
        if (all->class[c].open == 0 || all->got[DATASET_TRAIN][c] > 0)
            continue;
        for (size_t g = 0; g < all->groups; g++) {
            const struct assign_group *group = &all->group[g];
            bool holds = false;
            for (size_t m = 0; m < group->count; m++)
                holds =
                    holds || all->set->picture[all->member[group->first + m]].class == c;
            if (holds && (!least || group->count < least->count))
                least = group;
        }
        assign_unplace(all, least);
        assign_place(all, least, DATASET_TRAIN);
    }
}

static void assign_whole_groups(struct import_set *set, struct assign_class *class,
                                uint64_t seed)
{
    struct assign_groups all = {.set = set, .class = class};
    struct sampler order;
    assign_collect(&all);
    all.have = mem_zeroed((size_t)set->classes + 1, sizeof *all.have);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        all.got[s] = mem_zeroed((size_t)set->classes + 1, sizeof *all.got[s]);
        for (int c = 0; c <= set->classes; c++)
            all.wanted[s] += class[c].want[s];
    }
    if (all.groups > 0)
        sampler_init(&order, seed, GROUP_ORDER, all.groups);
    for (size_t i = 0; i < all.groups; i++) {
        const struct assign_group *group = &all.group[sampler_at(&order, i)];
        for (size_t m = 0; m < group->count; m++)
            all.have[set->picture[all.member[group->first + m]].class]++;
        assign_place(&all, group, assign_best_split(&all, group));
        for (size_t m = 0; m < group->count; m++)
            all.have[set->picture[all.member[group->first + m]].class] = 0;
    }
    assign_fill_train(&all);
    for (int s = 0; s < DATASET_SPLITS; s++)
        free(all.got[s]);
    free(all.have);
    free(all.member);
    free(all.group);
}

void import_assign(struct import_set *set, const double share[DATASET_SPLITS],
                   uint64_t seed)
{
    import_labels_choose(set);
    struct assign_class *class = assign_classes(set, share, seed);
    if (set->groups > 0)
        assign_whole_groups(set, class, seed);
    else
        assign_single(set, class);
    free(class);
}
