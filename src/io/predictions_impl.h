/* predictions_impl.h: what the files of io/predictions.h share. */
#ifndef LOCKSTEP_IO_PREDICTIONS_IMPL_H
#define LOCKSTEP_IO_PREDICTIONS_IMPL_H

#include "io/predictions.h"

/* The first line of a journal, with its '\n'; the caller frees. It begins with
   PREDICTIONS_HEAD. */
#define PREDICTIONS_HEAD "{\"lockstep\": \"predictions under way\""
char *predictions_head_text(const struct predictions_head *head);

/* Reads one whole line; false, and *row is empty, if predictions_row_text did not write
   it. */
bool predictions_row_parse(const struct predictions_head *head, const char *line,
                           struct predictions_row *row);

enum status predictions_write_csv(struct predictions_journal *journal, const char *path,
                                  uint64_t rows);
enum status predictions_write_jsonl(struct predictions_journal *journal, const char *path,
                                    uint64_t rows);
enum status predictions_write_h5(struct predictions_journal *journal, const char *path,
                                 uint64_t rows);

/* After all rows were read: ST_FAIL if that were not so many, because the journal is
   damaged or cannot be read. */
enum status predictions_journal_check(const struct predictions_journal *journal,
                                      uint64_t found, uint64_t rows) MUST_CHECK;

#endif
