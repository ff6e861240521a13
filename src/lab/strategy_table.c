#include "lab/strategy_table.h"

#include <stdlib.h>

void strategy_table_release(struct strategy_table *table)
{
    free(table->subject);
    free(table->row);
    *table = (struct strategy_table){0};
}

const struct strategy_row *strategy_table_find(const struct strategy_table *table,
                                               int subject, enum strategy_pass pass,
                                               enum split split, int threads)
{
    for (int i = 0; i < table->rows; i++) {
        const struct strategy_row *row = &table->row[i];
        if (row->subject == subject && row->pass == pass && row->split == split &&
            row->threads == threads)
            return row;
    }
    return NULL;
}

const struct strategy_row *strategy_table_best(const struct strategy_table *table,
                                               int subject, enum strategy_pass pass,
                                               int threads)
{
    const struct strategy_row *best =
        strategy_table_find(table, subject, pass, SPLIT_SEQUENTIAL, 1);
    for (int i = 0; i < table->rows; i++) {
        const struct strategy_row *row = &table->row[i];
        if (row->subject == subject && row->pass == pass && row->threads == threads &&
            row->time.median < best->time.median)
            best = row;
    }
    return best;
}
