#include "app/run/output.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/stop.h"
#include "data/dataset_writer.h"
#include "io/target.h"

enum status output_check(const char *out, bool force, const struct target_kind *kind,
                         const char *const *input, int inputs)
{
    char folder[FS_PATH];
    if (!out)
        FAIL(ST_USAGE, "where to write is missing: --out FILE");
    if (snprintf(folder, sizeof folder, "%s", out) >= FS_PATH)
        FAIL(ST_USAGE, "path too long: '%s'", out);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = '\0';
        if (!fs_is_folder(folder))
            FAIL(ST_FAIL, "cannot write '%s': there is no folder '%s'", out, folder);
    }
    TRY(target_check(out, kind, input, inputs));
    if (!force && access(out, F_OK) == 0)
        FAIL(ST_USAGE, "'%s' exists already; use --force to replace it", out);
    return ST_OK;
}

static void output_print_counts(const char *out, const size_t count[DATASET_SPLITS],
                                int h, int w, int classes)
{
    log_out("%s: %zu training", out, count[DATASET_TRAIN]);
    if (count[DATASET_VAL] > 0)
        log_out(", %zu validation", count[DATASET_VAL]);
    log_out(" and %zu test images of %d x %d pixels, %d classes\n", count[DATASET_TEST],
            h, w, classes);
}

enum status output_dataset(struct dataset_builder *builder, const char *out,
                           bool allow_empty)
{
    enum status st;
    if (stop_requested())
        st = status_fail(ST_FAIL, "interrupted: nothing was written");
    else
        st = dataset_write(builder, out, allow_empty);
    if (st == ST_OK)
        output_print_counts(out, builder->count, builder->h, builder->w,
                            builder->classes);
    dataset_builder_release(builder);
    return st;
}
