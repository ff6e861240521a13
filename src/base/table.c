#include "base/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static void table_add_cell(struct table *table, char *text)
{
    if (table->cells == table->capacity) {
        table->capacity = table->capacity ? 2 * table->capacity : 64;
        table->cell =
            mem_resize(table->cell, (size_t)table->capacity, sizeof *table->cell);
    }
    table->cell[table->cells++] = text;
}

void table_init(struct table *table, ...)
{
    *table = (struct table){0};
    va_list args;
    va_start(args, table);
    for (const char *head; (head = va_arg(args, const char *)) != NULL;)
        table_head(table, head);
    va_end(args);
}

void table_head(struct table *table, const char *head)
{
    ASSERT(table->columns < TABLE_COLUMNS && (*head == '<' || *head == '>'));
    table->align[table->columns++] = *head;
    table_add_cell(table, mem_strdup(head + 1));
}

void table_row(struct table *table, ...)
{
    va_list args;
    va_start(args, table);
    for (const char *text; (text = va_arg(args, const char *)) != NULL;)
        table_add_cell(table, mem_strdup(text));
    va_end(args);
    ASSERT(table->cells % table->columns == 0);
}

void table_cellf(struct table *table, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    table_add_cell(table, mem_strdup(text));
}

static void table_print_row(const struct table *table, char *const *cell,
                            const int *width)
{
    char line[1024];
    int used = 0;
    for (int c = 0; c < table->columns; c++) {
        int room = (int)sizeof line - used;
        int pad = table->align[c] == '<' ? -width[c] : width[c];
        int n = snprintf(line + used, (size_t)room, "  %*s", pad, cell[c]);
        used += n < room ? n : room - 1;
    }
    while (used > 0 && line[used - 1] == ' ')
        used--;
    log_out("%.*s\n", used, line);
}

void table_print(const struct table *table)
{
    int width[TABLE_COLUMNS] = {0};
    for (int i = 0; i < table->cells; i++) {
        int length = (int)strlen(table->cell[i]);
        if (length > width[i % table->columns])
            width[i % table->columns] = length;
    }
    for (int i = 0; i + table->columns <= table->cells; i += table->columns)
        table_print_row(table, table->cell + i, width);
}

void table_release(struct table *table)
{
    for (int i = 0; i < table->cells; i++)
        free(table->cell[i]);
    free(table->cell);
    *table = (struct table){0};
}
