#include "train/reduce.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "kernels/vector.h"

/* Deepest stack while `grains` consecutive grains are pushed: a contiguous range of a
   binary tree has at most two maximal nodes of each size, and one comes on top. A range
   from the first grain on has at most one of each, and two of a size make a larger. */
static int stack_depth(struct reduce_size size)
{
    if (size.lanes == 1 && size.all) {
        int depth = 1;
        for (int left = size.grains - 1; left > 0; left /= 2)
            depth++;
        return depth;
    }
    int depth = 3;
    for (int width = 2; width <= size.grains; width *= 2)
        depth += 2;
    return depth < TREE_NODES_MAX ? depth : TREE_NODES_MAX;
}

size_t reduce_floats(struct reduce_size size)
{
    return (size_t)size.lanes * (size_t)stack_depth(size) * (size.params + TAIL_COUNT);
}

void reduce_init(struct reduce *reduce, struct reduce_size size, float *memory)
{
    int depth = stack_depth(size), lanes = size.lanes;
    *reduce = (struct reduce){
        .count = size.params + TAIL_COUNT,
        .lanes = lanes,
        .memory = memory,
        .stack = mem_zeroed((size_t)lanes, sizeof(struct reduce_stack)),
    };
    for (int i = 0; i < lanes; i++) {
        reduce->stack[i].vector = mem_zeroed(TREE_NODES_MAX, sizeof(float *));
        for (int j = 0; j < depth; j++)
            reduce->stack[i].vector[j] =
                reduce->memory + ((size_t)i * (size_t)depth + (size_t)j) * reduce->count;
    }
}

void reduce_release(struct reduce *reduce)
{
    for (int i = 0; i < reduce->lanes; i++)
        free(reduce->stack[i].vector);
    free(reduce->stack);
    *reduce = (struct reduce){0};
}

void reduce_begin(struct reduce *reduce, int n)
{
    reduce->n = n;
    for (int i = 0; i < reduce->lanes; i++)
        reduce->stack[i].depth = 0;
}

float *reduce_top(const struct reduce *reduce, int lane)
{
    const struct reduce_stack *stack = &reduce->stack[lane];
    ASSERT(stack->vector[stack->depth]);
    return stack->vector[stack->depth];
}

/* A member's slice of elements [*begin, *end), in whole cache lines. */
static void slice(const struct team *team, size_t *begin, size_t *end)
{
    int first, last;
    team_split(team, (int)((*end - *begin) / TAIL_COUNT), &first, &last);
    *end = *begin + (size_t)last * TAIL_COUNT;
    *begin += (size_t)first * TAIL_COUNT;
}

/* Where a grain's vector, on top of the stack, ends up; *node becomes what lies there. */
static struct reduce_chain chain_of(const struct reduce *reduce, int lane, int grain,
                                    struct tree_node *node)
{
    const struct reduce_stack *stack = &reduce->stack[lane];
    struct reduce_chain chain = {stack->depth, stack->depth};
    *node = (struct tree_node){grain, grain + 1};
    while (chain.to > 0 && tree_siblings(reduce->n, stack->node[chain.to - 1], *node))
        node->begin = stack->node[--chain.to].begin;
    return chain;
}

static void take_place(struct reduce *reduce, int lane, struct reduce_chain chain,
                       struct tree_node node)
{
    reduce->stack[lane].node[chain.to] = node;
    reduce->stack[lane].depth = chain.to + 1;
}

void reduce_push(struct reduce *reduce, int lane, const struct team *team, int grain)
{
    struct tree_node node;
    struct reduce_chain chain = chain_of(reduce, lane, grain, &node);
    size_t begin = 0, end = reduce->count;
    slice(team, &begin, &end);
    reduce_settle(reduce, lane, chain, begin, end);
    team_barrier(team);
    if (team->index == 0)
        take_place(reduce, lane, chain, node);
    team_barrier(team);
}

struct reduce_chain reduce_promise(struct reduce *reduce, int lane, int grain)
{
    struct tree_node node;
    struct reduce_chain chain = chain_of(reduce, lane, grain, &node);
    take_place(reduce, lane, chain, node);
    return chain;
}

void reduce_settle(const struct reduce *reduce, int lane, struct reduce_chain chain,
                   size_t begin, size_t end)
{
    float *const *vector = reduce->stack[lane].vector;
    for (int level = chain.from; level > chain.to; level--)
        vector_add(vector[level - 1] + begin, vector[level] + begin, end - begin);
}

/* Replays the joining of all stacks on elements [begin, end) of the vectors. */
static int join(const struct reduce *reduce, int lanes, size_t begin, size_t end,
                float *parts[TREE_NODES_MAX])
{
    struct tree_node node[TREE_NODES_MAX];
    int depth = 0;
    for (int i = 0; i < lanes; i++) {
        const struct reduce_stack *stack = &reduce->stack[i];
        for (int j = 0; j < stack->depth; j++) {
            ASSERT(depth < TREE_NODES_MAX);
            node[depth] = stack->node[j];
            parts[depth++] = stack->vector[j];
            while (depth >= 2 &&
                   tree_siblings(reduce->n, node[depth - 2], node[depth - 1])) {
                if (end > begin)
                    vector_add(parts[depth - 2] + begin, parts[depth - 1] + begin,
                               end - begin);
                node[depth - 2].end = node[depth - 1].end;
                depth--;
            }
        }
    }
    return depth;
}

void reduce_join_range(const struct reduce *reduce, int lanes, const struct team *team,
                       size_t begin, size_t end)
{
    float *parts[TREE_NODES_MAX];
    slice(team, &begin, &end);
    join(reduce, lanes, begin, end, parts);
}

int reduce_parts(struct reduce *reduce, int lanes)
{
    return join(reduce, lanes, 0, 0, reduce->parts);
}
