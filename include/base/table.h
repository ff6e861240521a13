/*
 * table: a text table with aligned columns, for the log and the command line.
 *
 *   struct table t;
 *   table_init(&t, "<layer", ">parameters", NULL);    '<' left, '>' right aligned
 *   table_row(&t, "conv1", "320", NULL);
 *   table_cellf(&t, "%d", 7);                          one cell at a time
 *   table_print(&t);                                   printed with log_out
 *   table_release(&t);
 */
#ifndef LOCKSTEP_BASE_TABLE_H
#define LOCKSTEP_BASE_TABLE_H

#include "base/status.h"

#define TABLE_COLUMNS 16

struct table {
    int columns;
    char align[TABLE_COLUMNS];
    char **cell; /* owned: (rows + header) * columns strings */
    int cells;
    int capacity;
};

/* Headings, each after '<' or '>', then NULL. */
void table_init(struct table *table, ...) __attribute__((sentinel));
/* Adds a heading, before any row; the table may begin as {0}. */
void table_head(struct table *table, const char *head);
void table_row(struct table *table, ...) __attribute__((sentinel));
void table_cellf(struct table *table, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Lines are indented by two blanks and have no trailing blanks. */
void table_print(const struct table *table);
void table_release(struct table *table);

#endif
