#include "tree_rounds.h"

struct tree_rounds tree_rounds_of(int members, int member)
{
    struct tree_rounds rounds = {0};
    while (2 << rounds.rounds <= members)
        rounds.rounds++;
    rounds.couples = members - (1 << rounds.rounds);
    bool coupled = member < 2 * rounds.couples;
    rounds.leader = coupled && member % 2 == 0;
    rounds.follower = coupled && member % 2 == 1;
    rounds.position = coupled ? member / 2 : member - rounds.couples;
    return rounds;
}

int tree_rounds_member(const struct tree_rounds *rounds, int position)
{
    return position < rounds->couples ? 2 * position : position + rounds->couples;
}

int tree_rounds_partner(const struct tree_rounds *rounds, int round)
{
    return rounds->position ^ 1 << round;
}
