#include "train/reduce.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "kernels/vector.h"

/* The deepest stack while `grains` consecutive grains are pushed. A contiguous range of a
   binary tree has at most two maximal nodes of each size; the vector that is pushed comes
   on top. A range that begins at grain 0 has at most one node of each size. */
static int reduce_stack_depth(struct reduce_size size)
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
    return (size_t)size.lanes * (size_t)reduce_stack_depth(size) *
           (size.params + TAIL_COUNT);
}

void reduce_init(struct reduce *reduce, struct reduce_size size, float *memory)
{
    int depth = reduce_stack_depth(size), lanes = size.lanes;
    *reduce = (struct reduce){
        .begin = size.begin,
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
        tree_stack_init(&reduce->stack[i].nodes, n);
}

float *reduce_top(const struct reduce *reduce, int lane)
{
    const struct reduce_stack *stack = &reduce->stack[lane];
    ASSERT(stack->vector[stack->nodes.depth]);
    return stack->vector[stack->nodes.depth];
}

/* [*begin, *end) becomes the member's slice of it, in whole cache lines. */
static void reduce_slice(const struct team *team, size_t *begin, size_t *end)
{
    int first, last;
    team_split(team, (int)((*end - *begin) / TAIL_COUNT), &first, &last);
    *end = *begin + (size_t)last * TAIL_COUNT;
    *begin += (size_t)first * TAIL_COUNT;
}

static struct tree_node reduce_leaf(int grain)
{
    return (struct tree_node){grain, grain + 1};
}

void reduce_push(struct reduce *reduce, int lane, const struct team *team, int grain)
{
    struct tree_stack *nodes = &reduce->stack[lane].nodes;
    struct tree_chain chain = tree_stack_peek(nodes, reduce_leaf(grain));
    size_t begin = reduce->begin, end = reduce->count;
    reduce_slice(team, &begin, &end);
    reduce_settle(reduce, lane, chain, begin, end);
    team_barrier(team);
    if (team->index == 0)
        tree_stack_push(nodes, reduce_leaf(grain));
    team_barrier(team);
}

struct tree_chain reduce_promise(struct reduce *reduce, int lane, int grain)
{
    return tree_stack_push(&reduce->stack[lane].nodes, reduce_leaf(grain));
}

void reduce_settle(const struct reduce *reduce, int lane, struct tree_chain chain,
                   size_t begin, size_t end)
{
    float *const *vector = reduce->stack[lane].vector;
    int to, from;
    while (tree_chain_next(&chain, &to, &from))
        vector_add(vector[to] + begin, vector[from] + begin, end - begin);
}

/* Pushes the nodes of all lanes, in order, on one stack and makes the additions on
   elements [begin, end). Returns how many nodes are left; their vectors are terms. */
static int reduce_join(const struct reduce *reduce, int lanes, size_t begin, size_t end,
                       float *terms[TREE_NODES_MAX])
{
    struct tree_stack joined;
    int to, from;
    tree_stack_init(&joined, reduce->n);
    for (int i = 0; i < lanes; i++) {
        const struct reduce_stack *stack = &reduce->stack[i];
        for (int j = 0; j < stack->nodes.depth; j++) {
            struct tree_chain chain = tree_stack_push(&joined, stack->nodes.node[j]);
            terms[chain.top] = stack->vector[j];
            while (tree_chain_next(&chain, &to, &from))
                if (end > begin)
                    vector_add(terms[to] + begin, terms[from] + begin, end - begin);
        }
    }
    return joined.depth;
}

void reduce_join_range(const struct reduce *reduce, int lanes, const struct team *team,
                       size_t begin, size_t end)
{
    float *terms[TREE_NODES_MAX];
    reduce_slice(team, &begin, &end);
    reduce_join(reduce, lanes, begin, end, terms);
}

int reduce_terms(struct reduce *reduce, int lanes)
{
    return reduce_join(reduce, lanes, 0, 0, reduce->terms);
}
