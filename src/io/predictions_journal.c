#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/mem.h"
#include "predictions_impl.h"

const struct target_kind predictions_journal_kind = {"a journal of predictions",
                                                     .head = PREDICTIONS_HEAD};

static enum status journal_fail(const struct predictions_journal *journal,
                                const char *verb)
{
    FAIL(ST_FAIL, "cannot %s '%s': %s", verb, journal->path, strerror(errno));
}

static enum status journal_open_file(struct predictions_journal *journal,
                                     const char *path, const char *mode,
                                     const struct predictions_head *head)
{
    *journal = (struct predictions_journal){.head = head};
    if (snprintf(journal->path, sizeof journal->path, "%s", path) >= FS_PATH)
        FAIL(ST_USAGE, "path too long: '%s'", path);
    journal->file = fopen(path, mode);
    return journal->file ? ST_OK : journal_fail(journal, "open");
}

enum status predictions_journal_create(struct predictions_journal *journal,
                                       const char *path,
                                       const struct predictions_head *head)
{
    TRY(journal_open_file(journal, path, "w+e", head));
    char *text = predictions_head_text(head);
    journal->begin = strlen(text);
    enum status st = predictions_journal_append(journal, text, journal->begin);
    free(text);
    if (st == ST_OK)
        return ST_OK;
    predictions_journal_close(journal);
    unlink(path);
    return st;
}

enum status predictions_journal_open(struct predictions_journal *journal,
                                     const char *path,
                                     const struct predictions_head *head, bool *same)
{
    TRY(journal_open_file(journal, path, "r+e", head));
    char *text = predictions_head_text(head);
    journal->begin = strlen(text);
    *same = getline(&journal->line, &journal->room, journal->file) >= 0 &&
            strcmp(journal->line, text) == 0;
    free(text);
    if (!*same)
        predictions_journal_close(journal);
    return ST_OK;
}

void predictions_journal_close(struct predictions_journal *journal)
{
    if (journal->file)
        fclose(journal->file);
    free(journal->line);
    journal->file = NULL;
    journal->line = NULL;
}

void predictions_journal_rewind(struct predictions_journal *journal)
{
    fseeko(journal->file, (off_t)journal->begin, SEEK_SET);
}

bool predictions_journal_next(struct predictions_journal *journal,
                              struct predictions_row *row)
{
    ssize_t length = getline(&journal->line, &journal->room, journal->file);
    return length > 0 && journal->line[length - 1] == '\n' &&
           predictions_row_parse(journal->head, journal->line, row);
}

enum status predictions_journal_check(const struct predictions_journal *journal,
                                      uint64_t found, uint64_t rows)
{
    if (ferror(journal->file))
        return journal_fail(journal, "read");
    if (found != rows)
        FAIL(ST_FAIL, "'%s' is damaged: row %llu of %llu cannot be read", journal->path,
             (unsigned long long)found + 1, (unsigned long long)rows);
    return ST_OK;
}

uint64_t predictions_journal_place(const struct predictions_journal *journal)
{
    return (uint64_t)ftello(journal->file);
}

enum status predictions_journal_cut(struct predictions_journal *journal, uint64_t place)
{
    if (fseeko(journal->file, (off_t)place, SEEK_SET) != 0 ||
        ftruncate(fileno(journal->file), (off_t)place) != 0)
        return journal_fail(journal, "write");
    return ST_OK;
}

enum status predictions_journal_append(struct predictions_journal *journal,
                                       const char *lines, size_t bytes)
{
    if (fwrite(lines, 1, bytes, journal->file) != bytes || fflush(journal->file) != 0)
        return journal_fail(journal, "write");
    return ST_OK;
}
