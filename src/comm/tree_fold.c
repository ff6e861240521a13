#include "tree_fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"

#define FOLD_CHUNK 2048 /* floats: a sum is still in the L1 cache when it is added to */

float *tree_buffer_reserve(struct tree_buffer *buffer, size_t floats)
{
    if (!buffer->data || floats > buffer->capacity) {
        free(buffer->data);
        buffer->data = mem_aligned(floats, sizeof(float));
        buffer->capacity = floats;
    }
    return buffer->data;
}

void tree_buffer_release(struct tree_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct tree_buffer){0};
}

void tree_hold(struct tree_held *held, struct tree_node node, const float *vector)
{
    if (held->count == held->capacity) {
        int capacity = held->capacity ? 2 * held->capacity : 16;
        held->node = mem_resize(held->node, (size_t)capacity, sizeof *held->node);
        held->vector = mem_resize(held->vector, (size_t)capacity, sizeof *held->vector);
        held->chain = mem_resize(held->chain, (size_t)capacity, sizeof *held->chain);
        held->capacity = capacity;
    }
    held->node[held->count] = node;
    held->vector[held->count++] = vector;
}

void tree_held_release(struct tree_held *held)
{
    free(held->node);
    free(held->vector);
    free(held->chain);
    tree_buffer_release(&held->scratch);
    *held = (struct tree_held){0};
}

static void fold_add_to(float *restrict to, const float *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void fold_add(float *restrict to, const float *restrict a, const float *restrict b,
                     size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = a[i] + b[i];
}

/* Finds the additions, which are the same for all chunks. Returns how many levels of the
   stack, from level `outs` on, come to hold sums. */
static int fold_plan(int n, struct tree_held *held, int outs)
{
    struct tree_stack stack;
    int levels = 0;
    tree_stack_init(&stack, n);
    for (int i = 0; i < held->count; i++) {
        struct tree_chain chain = tree_stack_push(&stack, held->node[i]);
        held->chain[i] = chain;
        if (chain.top > chain.bottom && chain.top - outs > levels)
            levels = chain.top - outs;
    }
    ASSERT(stack.depth == outs);
    return levels;
}

/* Elements [at, at + count). A sum at level i of the stack lies in out[i] from its first
   addition on, so that no sum is copied; at levels without an output it lies in
   scratch. */
static void fold_chunk(const struct tree_held *held, size_t at, size_t count,
                       float *const *out, int outs)
{
    const float *vector[TREE_NODES_MAX]; /* [level] */
    int to, from;
    for (int i = 0; i < held->count; i++) {
        struct tree_chain chain = held->chain[i];
        vector[chain.top] = held->vector[i] + at;
        while (tree_chain_next(&chain, &to, &from)) {
            float *sum =
                to < outs ? out[to] + at : held->scratch.data + (to - outs) * FOLD_CHUNK;
            if (vector[to] == sum)
                fold_add_to(sum, vector[from], count);
            else
                fold_add(sum, vector[to], vector[from], count);
            vector[to] = sum;
        }
    }
    for (int i = 0; i < outs; i++)
        if (vector[i] != out[i] + at)
            memcpy(out[i] + at, vector[i], count * sizeof(float));
}

void tree_fold(int n, struct tree_held *held, size_t count, float *const *out, int outs)
{
    int levels = fold_plan(n, held, outs);
    tree_buffer_reserve(&held->scratch, (size_t)levels * FOLD_CHUNK);
    for (size_t at = 0; at < count; at += FOLD_CHUNK) {
        size_t left = count - at;
        fold_chunk(held, at, left < FOLD_CHUNK ? left : FOLD_CHUNK, out, outs);
    }
}
