/* predictions: the journal's rows as a table and as JSON lines, and the list of
   formats. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/csv.h"
#include "predictions_impl.h"

#define CSV_HEAD   "path,label,p,top1,p1,"
#define JSONL_HEAD "{\"path\": "

/* A format of text: what stands before the first row, or NULL, and a row. */
struct text_format {
    void (*begin)(FILE *file, const struct predictions_head *head);
    void (*row)(FILE *file, const struct predictions_journal *journal,
                const struct predictions_row *row);
};

static enum status text_write(const struct text_format *format,
                              struct predictions_journal *journal, const char *path,
                              uint64_t rows)
{
    struct fs_writer writer;
    struct predictions_row row;
    uint64_t found = 0;
    TRY(fs_write_begin(&writer, path));
    if (format->begin)
        format->begin(writer.file, journal->head);
    predictions_journal_rewind(journal);
    for (; predictions_journal_next(journal, &row); found++) {
        format->row(writer.file, journal, &row);
        predictions_row_release(&row);
    }
    enum status st = predictions_journal_check(journal, found, rows);
    if (st == ST_OK)
        return fs_write_end(&writer);
    fs_write_drop(&writer);
    return st;
}

/* --- CSV --- */

static const char *csv_name(const struct predictions_head *head,
                            const struct predictions_class *one)
{
    return head->class_name[one->class];
}

static void csv_write_set(FILE *file, const struct predictions_head *head,
                          const struct predictions_row *row)
{
    char *names = mem_strdup("");
    for (int i = 0; i < row->labels; i++)
        mem_append(&names, "%s%s", i ? ";" : "", csv_name(head, &row->list[i]));
    csv_write_text(file, names);
    free(names);
    fputc(',', file);
    for (int i = 0; i < row->labels; i++)
        fprintf(file, "%s%.6f", i ? ";" : "", row->list[i].p);
}

static void csv_write_row(FILE *file, const struct predictions_journal *journal,
                          const struct predictions_row *row)
{
    const struct predictions_head *head = journal->head;
    csv_write_text(file, row->path);
    fputc(',', file);
    if (row->error) {
        fputc(',', file);
    } else if (head->sets) {
        csv_write_set(file, head, row);
    } else {
        csv_write_text(file,
                       row->labels ? csv_name(head, &row->list[0]) : PREDICTIONS_UNSURE);
        fprintf(file, ",%.6f", row->list[0].p);
    }
    for (int k = 0; k < head->top; k++) {
        fputc(',', file);
        if (k < row->listed)
            csv_write_text(file, csv_name(head, &row->list[k]));
        fputc(',', file);
        if (k < row->listed)
            fprintf(file, "%.6f", row->list[k].p);
    }
    fputc(',', file);
    if (row->error)
        csv_write_text(file, row->error);
    fputc('\n', file);
}

static void csv_write_head(FILE *file, const struct predictions_head *head)
{
    fprintf(file, "path,label,p");
    for (int k = 1; k <= head->top; k++)
        fprintf(file, ",top%d,p%d", k, k);
    fprintf(file, ",error\n");
}

enum status predictions_write_csv(struct predictions_journal *journal, const char *path,
                                  uint64_t rows)
{
    const struct text_format format = {csv_write_head, csv_write_row};
    return text_write(&format, journal, path, rows);
}

/* --- JSON lines: those of the journal --- */

static void jsonl_write_row(FILE *file, const struct predictions_journal *journal,
                            const struct predictions_row *row)
{
    (void)row;
    fputs(journal->line, file);
}

enum status predictions_write_jsonl(struct predictions_journal *journal, const char *path,
                                    uint64_t rows)
{
    const struct text_format format = {NULL, jsonl_write_row};
    return text_write(&format, journal, path, rows);
}

/* --- the list --- */

static const struct predictions_format formats[] = {
    {".csv", {"a table of predictions", .head = CSV_HEAD}, predictions_write_csv},
    {".jsonl",
     {"predictions as JSON lines", .head = JSONL_HEAD},
     predictions_write_jsonl},
    {".h5",
     {"a file of predictions", .format = PREDICTIONS_FORMAT},
     predictions_write_h5},
};

enum status predictions_format_find(const char *path,
                                    const struct predictions_format **format)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t suffix = strlen(formats[i].suffix);
        *format = &formats[i];
        if (length > suffix && strcmp(path + length - suffix, formats[i].suffix) == 0)
            return ST_OK;
    }
    FAIL(ST_USAGE,
         "'%s' has the ending of no format of predictions: use .csv, .jsonl or "
         ".h5",
         path);
}
