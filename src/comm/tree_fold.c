#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tree_impl.h"

#define CHUNK 2048 /* floats: what is added next is still in the first cache */

void tree_hold(struct tree_held *held, struct tree_node node, const float *vector)
{
    if (held->count == held->capacity) {
        int capacity = held->capacity ? 2 * held->capacity : 16;
        held->node = mem_resize(held->node, (size_t)capacity, sizeof *held->node);
        held->vector = mem_resize(held->vector, (size_t)capacity, sizeof *held->vector);
        held->capacity = capacity;
    }
    held->node[held->count] = node;
    held->vector[held->count++] = vector;
}

void tree_held_release(struct tree_held *held)
{
    free(held->node);
    free(held->vector);
    *held = (struct tree_held){0};
}

static void add_to(float *restrict to, const float *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void add(float *restrict to, const float *restrict a, const float *restrict b,
                size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = a[i] + b[i];
}

/* Vectors are pushed left to right; the upper of two siblings on top is added to the
   lower. What lies at level i of the stack, once it is a sum, is where out[i] will be
   wanted: nothing is copied that was added. */
static void fold_chunk(int n, const struct tree_held *held, size_t at, size_t count,
                       float *const *out, int outs)
{
    static _Alignas(MEM_ALIGN) float scratch[TREE_NODES_MAX + 1][CHUNK];
    struct tree_node node[TREE_NODES_MAX + 1];
    const float *vector[TREE_NODES_MAX + 1];
    int depth = 0;
    for (int p = 0; p < held->count; p++) {
        ASSERT(depth <= TREE_NODES_MAX);
        node[depth] = held->node[p];
        vector[depth++] = held->vector[p] + at;
        while (depth >= 2 && tree_siblings(n, node[depth - 2], node[depth - 1])) {
            int low = depth - 2;
            float *to = low < outs ? out[low] + at : scratch[low];
            if (vector[low] == to)
                add_to(to, vector[low + 1], count);
            else
                add(to, vector[low], vector[low + 1], count);
            vector[low] = to;
            node[low].end = node[low + 1].end;
            depth--;
        }
    }
    ASSERT(depth == outs);
    for (int i = 0; i < outs; i++)
        if (vector[i] != out[i] + at)
            memcpy(out[i] + at, vector[i], count * sizeof(float));
}

void tree_fold(int n, const struct tree_held *held, size_t count, float *const *out,
               int outs)
{
    for (size_t at = 0; at < count; at += CHUNK)
        fold_chunk(n, held, at, count - at < CHUNK ? count - at : CHUNK, out, outs);
}

int tree_cover_count(int n, int begin, int end)
{
    struct tree_node nodes[TREE_NODES_MAX];
    return tree_cover(n, begin, end, nodes);
}
