/*
 * range: the flat parameter vector as an ordered list of ranges, each with a rule.
 *
 * Gradient norm, checkpoint and sum walk this one list; the optimizer (nn/optim.h) goes
 * by the same rules, tensor by tensor:
 *
 *   rule                 gradient norm  update              average  sum over grains
 *   RANGE_TRAIN_DECAY    counts         with weight decay   yes      yes
 *   RANGE_TRAIN          counts         without             yes      yes
 *   RANGE_STATISTIC      no             by its own rule     no       yes
 *   RANGE_FROZEN         no             none                no       no
 *
 * A statistic is a running mean or variance: it has no gradient. The ranges cover the
 * vector without gaps; padding belongs to the range before it.
 */
#ifndef LOCKSTEP_NN_RANGE_H
#define LOCKSTEP_NN_RANGE_H

#include <stdbool.h>
#include <stddef.h>

enum range_rule { RANGE_TRAIN_DECAY, RANGE_TRAIN, RANGE_STATISTIC, RANGE_FROZEN };

/* A set of rules is a mask of these. */
#define RANGE_BIT(rule) (1u << (rule))
#define RANGES_TRAINED  (RANGE_BIT(RANGE_TRAIN_DECAY) | RANGE_BIT(RANGE_TRAIN))
#define RANGES_ALL      (RANGES_SUMMED | RANGE_BIT(RANGE_FROZEN))
#define RANGES_SUMMED   (RANGES_TRAINED | RANGE_BIT(RANGE_STATISTIC))

/* Floats [begin, end) of the vector. */
struct range {
    size_t begin, end;
    enum range_rule rule;
};

struct ranges {
    int count;
    struct range *range; /* owned: (count), in order, no two neighbours of one rule */
};

/* Adds the floats from the end of the list up to `end`; they join the last range if it
   has the same rule. */
void ranges_append(struct ranges *ranges, size_t end, enum range_rule rule);
/* The ranges of floats [begin, end) of `from`, counted from begin. */
void ranges_copy(struct ranges *to, const struct ranges *from, size_t begin, size_t end);
void ranges_release(struct ranges *ranges);

/*
 * The stretches of [begin, end) that consist of ranges with one of `rules` (a mask), each
 * as long as possible:
 *
 *   for (struct range r = {.end = begin}; ranges_next(ranges, rules, end, &r);)
 *       ... r.begin, r.end ...
 *
 * r.rule is that of the stretch's first range.
 */
bool ranges_next(const struct ranges *ranges, unsigned rules, size_t end,
                 struct range *stretch);

#endif
