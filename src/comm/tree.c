#include "comm/tree.h"

#include "base/status.h"

int tree_split(int begin, int end)
{
    int width = 1;
    while (width < end - begin - width)
        width *= 2;
    return begin + width;
}

/* Walks down from the root to the node whose sides these are, if there is one. */
bool tree_siblings(int n, struct tree_node left, struct tree_node right)
{
    if (left.end != right.begin)
        return false;
    int begin = 0, end = n;
    while (end - begin >= 2) {
        int split = tree_split(begin, end);
        if (begin == left.begin && end == right.end)
            return split == left.end;
        if (left.begin >= split)
            begin = split;
        else if (right.end <= split)
            end = split;
        else
            return false;
    }
    return false;
}

/* From `node` down; only the two paths to the ends of [begin, end) are walked. */
static int tree_cover_below(struct tree_node node, int begin, int end,
                            struct tree_node nodes[TREE_NODES_MAX], int count)
{
    if (node.begin >= end || node.end <= begin)
        return count;
    if (node.begin >= begin && node.end <= end) {
        ASSERT(count < TREE_NODES_MAX);
        nodes[count] = node;
        return count + 1;
    }
    int m = tree_split(node.begin, node.end);
    count = tree_cover_below((struct tree_node){node.begin, m}, begin, end, nodes, count);
    return tree_cover_below((struct tree_node){m, node.end}, begin, end, nodes, count);
}

int tree_cover(int n, int begin, int end, struct tree_node nodes[TREE_NODES_MAX])
{
    if (begin >= end)
        return 0;
    return tree_cover_below((struct tree_node){0, n}, begin, end, nodes, 0);
}

int tree_cover_count(int n, int begin, int end)
{
    struct tree_node nodes[TREE_NODES_MAX];
    return tree_cover(n, begin, end, nodes);
}

void tree_share(int n, int size, int rank, int *begin, int *end)
{
    int least = n / size, more = n % size;
    *begin = rank * least + (rank < more ? rank : more);
    *end = *begin + least + (rank < more);
}

/* --- the order of additions --- */

void tree_stack_init(struct tree_stack *stack, int n)
{
    stack->n = n;
    stack->depth = 0;
}

struct tree_chain tree_stack_peek(const struct tree_stack *stack, struct tree_node node)
{
    struct tree_chain chain = {.top = stack->depth, .bottom = stack->depth};
    ASSERT(chain.top < TREE_NODES_MAX);
    while (chain.bottom > 0 &&
           tree_siblings(stack->n, stack->node[chain.bottom - 1], node))
        node.begin = stack->node[--chain.bottom].begin;
    return chain;
}

struct tree_chain tree_stack_push(struct tree_stack *stack, struct tree_node node)
{
    struct tree_chain chain = tree_stack_peek(stack, node);
    if (chain.bottom == chain.top)
        stack->node[chain.bottom].begin = node.begin;
    stack->node[chain.bottom].end = node.end;
    stack->depth = chain.bottom + 1;
    return chain;
}
