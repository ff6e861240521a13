#include "comm/tree.h"

#include "base/status.h"

int tree_split(int begin, int end)
{
    int width = 1;
    while (width < end - begin - width)
        width *= 2;
    return begin + width;
}

/* Walk down from the root to the node whose sides these are, if there is one. */
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
static int cover(struct tree_node node, int begin, int end,
                 struct tree_node nodes[TREE_NODES_MAX], int count)
{
    if (node.begin >= end || node.end <= begin)
        return count;
    if (node.begin >= begin && node.end <= end) {
        ASSERT(count < TREE_NODES_MAX);
        nodes[count] = node;
        return count + 1;
    }
    int split = tree_split(node.begin, node.end);
    count = cover((struct tree_node){node.begin, split}, begin, end, nodes, count);
    return cover((struct tree_node){split, node.end}, begin, end, nodes, count);
}

int tree_cover(int n, int begin, int end, struct tree_node nodes[TREE_NODES_MAX])
{
    return begin < end ? cover((struct tree_node){0, n}, begin, end, nodes, 0) : 0;
}

void tree_share(int n, int size, int rank, int *begin, int *end)
{
    int least = n / size, more = n % size;
    *begin = rank * least + (rank < more ? rank : more);
    *end = *begin + least + (rank < more);
}
