/*
 * predictions: a network's answers to pictures, in files of other programs: a CSV table,
 * JSON lines, HDF5. While they are made they are lines of a journal
 * (predictions_journal), which a killed job goes on with; then the journal is written as
 * one of the formats.
 *
 * A line of the journal and of .jsonl is one of
 *   {"path": P, "label": NAME, "class": C, "p": X, "top": [{"label": NAME, "class": C,
 *    "p": X}, ...]}           the picture has one class; label null, class -1: no answer
 *                             is likely enough ("unsure" in CSV)
 *   {"path": P, "labels": [{"label": NAME, ...}, ...], "top": [...]}
 *                             it has several classes, or none
 *   {"path": P, "error": WHY}
 * A path that is not UTF-8 is there with U+FFFD in place of the other bytes, and with
 * "path_hex", all its bytes.
 *
 * CSV: path,label,p, then top1,p1,top2,p2,... as far as `top` goes, and error. Several
 * labels, and their probabilities, have a ';' between them.
 *
 * HDF5: root attributes format, classes, network, threshold (if there is one); /paths and
 * /errors (bytes; each text ends with a NUL, "" is no error); /predicted uint16 (N),
 * 65535 where there is no answer, or of several classes uint8 (N, classes); /top uint16
 * and /top_probability float32 (N, top), 65535 and 0 where there is no answer.
 */
#ifndef LOCKSTEP_IO_PREDICTIONS_H
#define LOCKSTEP_IO_PREDICTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/status.h"
#include "io/target.h"

/* Root attribute "format" of files of predictions, also of eval's. */
#define PREDICTIONS_FORMAT "lockstep-predictions"
#define PREDICTIONS_UNSURE "unsure" /* the label where no answer is likely enough */
#define PREDICTIONS_NONE   65535    /* in place of a class */

/* What all rows share. Everything is borrowed. */
struct predictions_head {
    const char *network; /* tells it and what was asked of it from all others */
    char *const *class_name;
    int classes;
    int top;          /* most likely classes of a row */
    bool sets;        /* a picture may have several classes, or none */
    double threshold; /* least probability of an answer; 0: the most likely one is it */
};

struct predictions_class {
    int class;
    double p; /* 0..1 */
};

struct predictions_row {
    char *path;  /* owned: any bytes but NUL */
    char *error; /* owned: why there is no answer; NULL: there is one */
    /* owned: (listed), the most likely class first; the first `labels` are answers. */
    struct predictions_class *list;
    int listed, labels;
};
void predictions_row_release(struct predictions_row *row);

/* The row as a line of the journal, with its '\n'; the caller frees. */
char *predictions_row_text(const struct predictions_head *head,
                           const struct predictions_row *row);

/* --- the journal: one process writes it --- */

struct predictions_journal {
    const struct predictions_head *head; /* borrowed */
    char path[FS_PATH];
    /* private: */
    FILE *file;
    uint64_t begin; /* bytes before the first row */
    char *line;     /* owned: that was read last */
    size_t room;
};

extern const struct target_kind predictions_journal_kind;

/* A new one, in place of what is there. */
enum status predictions_journal_create(struct predictions_journal *journal,
                                       const char *path,
                                       const struct predictions_head *head) MUST_CHECK;
/* One that is there, if it has this head; else *same is false, and nothing is open. */
enum status predictions_journal_open(struct predictions_journal *journal,
                                     const char *path,
                                     const struct predictions_head *head,
                                     bool *same) MUST_CHECK;
void predictions_journal_close(struct predictions_journal *journal); /* {0} is fine */

/* Reading begins with the first row. predictions_journal_next: the next whole row; false
   after the last one, behind which there may be a part of one. */
void predictions_journal_rewind(struct predictions_journal *journal);
bool predictions_journal_next(struct predictions_journal *journal,
                              struct predictions_row *row);
/* Where the row that predictions_journal_next reads next begins, in bytes. */
uint64_t predictions_journal_place(const struct predictions_journal *journal);

/* Cuts everything from `place` on; what is appended next stands there. */
enum status predictions_journal_cut(struct predictions_journal *journal,
                                    uint64_t place) MUST_CHECK;
/* Lines of predictions_row_text, which are in the system's hands afterwards. */
enum status predictions_journal_append(struct predictions_journal *journal,
                                       const char *lines, size_t bytes) MUST_CHECK;

/* --- the formats --- */

struct predictions_format {
    const char *suffix; /* ".csv" */
    struct target_kind kind;
    /* All rows of the journal, as the file `path`, which is complete or not there. Memory
       does not depend on the number of rows. ST_FAIL if there are not so many `rows`. */
    enum status (*write)(struct predictions_journal *journal, const char *path,
                         uint64_t rows);
};

/* By the end of the name. ST_USAGE if it is that of no format. */
enum status predictions_format_find(const char *path,
                                    const struct predictions_format **format) MUST_CHECK;

#endif
