/* The journal of an interrupted predict. Input: flags, then what is behind its head. */
#include <string.h>

#include "fuzz.h"
#include "io/predictions.h"

#define FUZZ_CLASSES 3

/* A row that was read can be written. */
static void fuzz_row(const struct predictions_head *head,
                     const struct predictions_row *row)
{
    FUZZ_CHECK(row->path && row->listed >= row->labels && row->labels >= 0);
    for (int i = 0; i < row->listed; i++)
        FUZZ_CHECK(row->list[i].class >= 0 && row->list[i].class < head->classes);
    char *text = predictions_row_text(head, row);
    FUZZ_CHECK(strchr(text, '\n') == text + strlen(text) - 1);
    free(text);
}

static uint64_t fuzz_read(struct predictions_journal *journal)
{
    struct predictions_row row;
    uint64_t rows = 0;
    predictions_journal_rewind(journal);
    for (; predictions_journal_next(journal, &row); rows++) {
        fuzz_row(journal->head, &row);
        predictions_row_release(&row);
    }
    return rows;
}

static void fuzz_write(struct predictions_journal *journal, const char *name,
                       uint64_t rows)
{
    const struct predictions_format *format;
    const char *path = fuzz_path(name);
    FUZZ_CHECK(predictions_format_find(path, &format) == ST_OK);
    FUZZ_CHECK(format->write(journal, path, rows + 1) != ST_OK);
    FUZZ_CHECK(format->write(journal, path, rows) == ST_OK);
    remove(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char names[FUZZ_CLASSES][16] = {"cat", "dog;1", "a \"quote\""};
    char *class_name[FUZZ_CLASSES] = {names[0], names[1], names[2]};
    struct fuzz_bytes bytes = {data, size};
    uint8_t flags = fuzz_byte(&bytes);
    const struct predictions_head head = {.network = "fuzzed",
                                          .class_name = class_name,
                                          .classes = FUZZ_CLASSES,
                                          .top = flags & 3,
                                          .sets = flags & 4,
                                          .threshold = flags & 8 ? 0.5 : 0};
    struct predictions_journal journal;
    const char *path = fuzz_path("a.partial");
    bool same;
    FUZZ_CHECK(predictions_journal_create(&journal, path, &head) == ST_OK);
    FUZZ_CHECK(predictions_journal_append(&journal, (const char *)bytes.data,
                                          bytes.size) == ST_OK);
    predictions_journal_close(&journal);
    FUZZ_CHECK(predictions_journal_open(&journal, path, &head, &same) == ST_OK && same);
    uint64_t rows = fuzz_read(&journal);
    FUZZ_CHECK(predictions_journal_cut(&journal, predictions_journal_place(&journal)) ==
               ST_OK);
    FUZZ_CHECK(fuzz_read(&journal) == rows);
    if (rows > 0 && flags & 16)
        fuzz_write(&journal, "out.csv", rows);
    if (rows > 0 && flags & 32)
        fuzz_write(&journal, "out.jsonl", rows);
    if (rows > 0 && flags & 64)
        fuzz_write(&journal, "out.h5", rows);
    predictions_journal_close(&journal);
    return 0;
}
