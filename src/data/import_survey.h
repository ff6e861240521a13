/*
 * import_survey: decodes every picture of an import once and keeps what the decisions
 * about the whole set need.
 */
#ifndef LOCKSTEP_DATA_IMPORT_SURVEY_H
#define LOCKSTEP_DATA_IMPORT_SURVEY_H

#include "data/import_pictures.h"
#include "import_set.h"

/* Fills in the facts of all pictures. ST_FAIL if too many are unreadable, or if their
   sizes differ and the options give none. Unreadable ones get a reason. */
enum status import_survey(struct import_set *set,
                          const struct import_options *options) MUST_CHECK;

/* --- equal pictures (import_twins.c) --- */

/* Pictures that are equal: member[begin[t] .. begin[t + 1]) for each t < count. */
struct import_twins {
    size_t *member, *begin; /* owned */
    size_t count;
};

/* Finds them by hash, and compares the pixels. */
enum status import_twins_find(struct import_twins *twins, const struct import_set *set,
                              const struct import_options *options) MUST_CHECK;
void import_twins_release(struct import_twins *twins);
/* Leaves out all but one of each: keeps test before val before train, then the first. */
void import_twins_drop(const struct import_twins *twins, struct import_set *set);
/* Tells, after the splits are known, which are in two splits or have two labels. */
void import_twins_report(const struct import_twins *twins, const struct import_set *set);

/* --- writing (import_store.c) --- */

/* Writes the kept pictures to the data set `out`; everything is decided. */
enum status import_store_images(const struct import_set *set, const char *out,
                                const struct import_options *options) MUST_CHECK;

/* --- telling (import_report.c) --- */

/* Notes before the pictures are written: what was passed over, kinds and ranges, ... */
void import_report_facts(const struct import_set *set,
                         const struct import_options *options);
/* The table at the end, and notes about empty and unbalanced classes. */
void import_report_table(const struct import_set *set, const char *out,
                         const struct import_options *options);
/* Before the work: can OUT.skipped.csv be written? */
enum status import_report_check(const char *input, const char *out) MUST_CHECK;
/* Writes OUT.skipped.csv, or removes an old one if nothing was left out. */
enum status import_report_skipped(const struct import_set *set,
                                  const char *out) MUST_CHECK;

#endif
