/* Tells what an import found, left out and made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "import_impl.h"
#include "import_survey.h"
#include "io/csv.h"
#include "io/target.h"

#define REPORT_ROWS      40 /* classes in the table */
#define REPORT_NAMES     5  /* classes in a note */
#define REPORT_IMBALANCE 10
#define REPORT_HEAD      "path,reason\n" /* of FILE.skipped.csv */

void import_report_passed(const struct import_passed *passed)
{
    if (passed->droppings)
        log_note("passed over %zu hidden files and folders, and those of other programs "
                 "(.DS_Store, Thumbs.db, __MACOSX and the like)",
                 passed->droppings);
    if (passed->loops)
        log_note("passed over %zu links that lead back to a folder above them",
                 passed->loops);
    if (passed->others)
        log_note("passed over %zu %s%s%s%s", passed->others,
                 passed->others > 1 ? "files that are no pictures"
                                    : "file that is no picture",
                 passed->example ? ", '" : "", passed->example ? passed->example : "",
                 passed->example ? "'" : "");
}

static void report_sizes(const struct import_set *set,
                         const struct import_options *options)
{
    const struct import_picture *small = NULL, *large = NULL;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *p = &set->picture[i];
        if (p->reason)
            continue;
        if (!small || p->h * (double)p->w < small->h * (double)small->w)
            small = p;
        if (!large || p->h * (double)p->w > large->h * (double)large->w)
            large = p;
    }
    static const char *const fit[] = {[TREATMENT_PAD] = "fitted and padded",
                                      [TREATMENT_CROP] = "scaled and cropped",
                                      [TREATMENT_STRETCH] = "stretched"};
    if (small && (small->h != options->h || small->w != options->w ||
                  large->h != options->h || large->w != options->w))
        log_out("sizes: %d x %d to %d x %d, %s to %d x %d\n", small->h, small->w,
                large->h, large->w, fit[options->treatment.fit], options->h, options->w);
}

/* One of them is an empty page; many are a broken copy, or a mask. */
static void report_flat(const struct import_set *set)
{
    const struct import_picture *first = NULL;
    size_t flat = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *p = &set->picture[i];
        if (p->reason || !p->flat || p->h * (double)p->w == 1)
            continue;
        first = first ? first : p;
        flat++;
    }
    if (flat)
        log_note("%zu picture%s of one flat colour, like '%s'", flat,
                 flat == 1 ? " is" : "s are", first->path);
}

/* A scan of several sheets, or a picture and its thumbnail. */
static void report_pages(const struct import_set *set)
{
    const struct import_picture *first = NULL;
    size_t several = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *p = &set->picture[i];
        if (p->reason || !p->several_pages)
            continue;
        first = first ? first : p;
        several++;
    }
    if (several)
        log_note("%zu file%s several pages, of which the first is taken, like '%s'",
                 several, several == 1 ? " has" : "s have", first->path);
}

static void report_inverted(const struct import_set *set)
{
    size_t inverted = 0, kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        kept += !set->picture[i].reason;
        inverted += !set->picture[i].reason && set->picture[i].light_border;
    }
    if (inverted)
        log_note("%zu of %zu pictures were dark on light and have been inverted",
                 inverted, kept);
}

void import_report_facts(const struct import_set *set,
                         const struct import_options *options)
{
    size_t clear = 0, black = 0, dark = 0, colour = 0, kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *p = &set->picture[i];
        kept += !p->reason;
        clear += !p->reason && p->transparent;
        black += !p->reason && p->laid_on_black;
        dark += !p->reason && p->dark_range;
        colour += !p->reason && p->colour;
    }
    import_report_passed(&set->passed);
    report_flat(set);
    report_pages(set);
    if (options->treatment.invert == TREATMENT_INVERT_EACH)
        report_inverted(set);
    if (clear)
        log_note("%zu %s transparent in places: laid on white%s", clear,
                 clear == 1 ? "picture is" : "pictures are",
                 black ? ", or on black where white would hide them" : "");
    if (black)
        log_note("%zu of them %s laid on black", black, black == 1 ? "was" : "were");
    if (dark)
        log_note("%zu %s 12 of 16 bits at most, and %s nearly black; use --range auto or "
                 "--range 0,4095",
                 dark, dark == 1 ? "picture uses" : "pictures use",
                 dark == 1 ? "becomes" : "become");
    if (options->channels == 3 && colour < kept)
        log_note(
            "%zu of %zu pictures have colour; the grey ones get three equal channels",
            colour, kept);
    if (options->channels == 1 && colour > 0)
        log_note("%zu of %zu pictures have colour, of which the brightness is kept",
                 colour, kept);
    report_sizes(set, options);
}

static void report_row(struct table *table, const char *name,
                       const size_t count[DATASET_SPLITS])
{
    table_cellf(table, "%s", name);
    for (int s = 0; s < DATASET_SPLITS; s++)
        table_cellf(table, "%zu", count[s]);
}

/* Pictures without a class. */
static void report_unlabelled(struct table *table, const struct import_set *set)
{
    size_t count[DATASET_SPLITS] = {0}, all = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *picture = &set->picture[i];
        if (picture->reason || picture->labels > 0)
            continue;
        count[picture->split]++;
        all++;
    }
    if (all > 0)
        report_row(table, "(no class)", count);
}

/* "'a', 'b' and 7 more". The caller frees. */
static char *report_names(const struct import_set *set, const bool *named)
{
    char *text = mem_strdup("");
    int told = 0, more = 0;
    for (int c = 0; c < set->classes; c++) {
        if (!named[c])
            continue;
        if (told == REPORT_NAMES)
            more++;
        else
            mem_append(&text, "%s'%s'", told++ ? ", " : "", set->class_name[c]);
    }
    if (more)
        mem_append(&text, " and %d more", more);
    return text;
}

static void report_missing(const struct import_set *set,
                           const size_t total[DATASET_SPLITS])
{
    bool *missing = mem_zeroed((size_t)set->classes, sizeof *missing);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        int n = 0;
        for (int c = 0; c < set->classes; c++) {
            missing[c] = total[s] > 0 && set->per_class[s][c] == 0;
            n += missing[c];
        }
        if (n == 0)
            continue;
        char *names = report_names(set, missing);
        log_note("no pictures in %s of %d class%s: %s", dataset_split_name[s], n,
                 n == 1 ? "" : "es", names);
        free(names);
    }
    free(missing);
}

static void report_imbalance(const struct import_set *set)
{
    const size_t *count = set->per_class[DATASET_TRAIN];
    int least = -1, most = -1;
    for (int c = 0; c < set->classes; c++) {
        if (count[c] == 0)
            continue;
        least = least < 0 || count[c] < count[least] ? c : least;
        most = most < 0 || count[c] > count[most] ? c : most;
    }
    if (least >= 0 && count[most] > REPORT_IMBALANCE * count[least])
        log_note(
            "the classes are unbalanced: '%s' has %zu pictures for training, '%s' has "
            "%zu; for the training, train.class_weights = auto lets %s",
            set->class_name[most], count[most], set->class_name[least], count[least],
            set->multi_label ? "pictures with and without a class count alike"
                             : "all count alike, data.sampling = balanced lets all "
                               "come equally often");
}

void import_report_table(const struct import_set *set, const char *out,
                         const struct import_options *options)
{
    const size_t *total = set->total;
    size_t left_out = 0;
    struct table table;
    table_init(&table, "<class", ">train", ">val", ">test", NULL);
    for (int c = 0; c < set->classes; c++) {
        size_t count[DATASET_SPLITS];
        for (int s = 0; s < DATASET_SPLITS; s++)
            count[s] = set->per_class[s][c];
        if (c < REPORT_ROWS || (c == REPORT_ROWS && set->classes == c + 1))
            report_row(&table, set->class_name[c], count);
    }
    if (set->classes > REPORT_ROWS + 1) {
        table_cellf(&table, "... %d more", set->classes - REPORT_ROWS);
        table_row(&table, "", "", "", NULL);
    }
    if (set->multi_label)
        report_unlabelled(&table, set);
    report_row(&table, "all", total);
    table_print(&table);
    table_release(&table);
    if (total[DATASET_VAL] + total[DATASET_TEST] == 0)
        log_note("no pictures are kept for validation or testing");
    for (size_t i = 0; i < set->count; i++)
        left_out += set->picture[i].reason != NULL;
    if (left_out)
        log_out("left out: %zu of %zu files, listed in %s.skipped.csv\n", left_out,
                set->count, out);
    report_missing(set, total);
    report_imbalance(set);
    log_out("%s: %zu training, %zu validation and %zu test images of %d x %d pixels, %s, "
            "%d classes%s\n",
            out, total[DATASET_TRAIN], total[DATASET_VAL], total[DATASET_TEST],
            options->h, options->w, options->channels == 3 ? "RGB" : "grey", set->classes,
            set->multi_label ? ", several or none for each image" : "");
}

static const struct target_kind report_kind = {"a list of files that were left out",
                                               .head = REPORT_HEAD};

static enum status report_skipped_path(char path[FS_PATH], const char *out)
{
    if (snprintf(path, FS_PATH, "%s.skipped.csv", out) >= FS_PATH)
        FAIL(ST_FAIL, "path too long: '%s'", out);
    return ST_OK;
}

enum status import_report_check(const char *input, const char *out)
{
    char path[FS_PATH];
    TRY(report_skipped_path(path, out));
    return target_check(path, &report_kind, &input, 1);
}

enum status import_report_skipped(const struct import_set *set, const char *out)
{
    char path[FS_PATH];
    struct fs_writer writer;
    size_t left_out = 0;
    TRY(report_skipped_path(path, out));
    for (size_t i = 0; i < set->count; i++)
        left_out += set->picture[i].reason != NULL;
    if (left_out == 0) {
        unlink(path);
        return ST_OK;
    }
    TRY(fs_write_begin(&writer, path));
    fputs(REPORT_HEAD, writer.file);
    for (size_t i = 0; i < set->count; i++) {
        if (!set->picture[i].reason)
            continue;
        csv_write_text(writer.file, set->picture[i].path);
        fputc(',', writer.file);
        csv_write_text(writer.file, set->picture[i].reason);
        fputc('\n', writer.file);
    }
    return fs_write_end(&writer);
}
