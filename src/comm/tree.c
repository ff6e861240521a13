#include "comm/tree.h"

#include "base/status.h"

int tree_split(int begin, int end)
{
    int width = 1;
    while (2 * width < end - begin)
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

int tree_cover(int n, int begin, int end, struct tree_node nodes[TREE_NODES_MAX])
{
    int count = 0;
    for (int grain = begin; grain < end; grain++) {
        ASSERT(count < TREE_NODES_MAX);
        nodes[count++] = (struct tree_node){grain, grain + 1};
        while (count >= 2 && tree_siblings(n, nodes[count - 2], nodes[count - 1])) {
            nodes[count - 2].end = nodes[count - 1].end;
            count--;
        }
    }
    return count;
}

void tree_share(int n, int size, int rank, int *begin, int *end)
{
    int least = n / size, more = n % size;
    *begin = rank * least + (rank < more ? rank : more);
    *end = *begin + least + (rank < more);
}
