#include "data/import_pictures.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "import_check.h"
#include "import_impl.h"
#include "import_labels.h"
#include "import_survey.h"

/* --- decisions about the whole set --- */

static void pictures_decide_shape(const struct import_set *set,
                                  struct import_options *options)
{
    size_t colour = 0, first = set->count;
    for (size_t i = 0; i < set->count; i++) {
        if (set->picture[i].reason)
            continue;
        first = first == set->count ? i : first;
        colour += set->picture[i].colour;
    }
    if (!options->h) { /* all have the same */
        options->h = set->picture[first].h;
        options->w = set->picture[first].w;
    }
    if (!options->channels)
        options->channels = colour > 0 ? 3 : 1;
}

/* How many pictures of each class look like ink on paper. */
struct pictures_polarity {
    size_t *paper, *all; /* owned: of each class */
    size_t papers, total;
};

static struct pictures_polarity pictures_count_polarity(const struct import_set *set)
{
    size_t classes = (size_t)set->classes;
    struct pictures_polarity count = {.paper = mem_zeroed(classes, sizeof(size_t)),
                                      .all = mem_zeroed(classes, sizeof(size_t))};
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *picture = &set->picture[i];
        bool paper = picture->light_border && picture->plain_border;
        int labels;
        if (picture->reason)
            continue;
        const int *class = import_labels_of(set, picture, &labels);
        for (int k = 0; k < labels; k++) {
            count.all[class[k]]++;
            count.paper[class[k]] += paper;
        }
        count.papers += paper;
        count.total++;
    }
    return count;
}

static void pictures_decide_polarity(const struct import_set *set,
                                     struct import_options *options)
{
    if (options->invert == IMPORT_INVERT_RECORDED)
        return;
    bool is_default = options->invert == IMPORT_INVERT_DEFAULT;
    options->treatment.invert =
        options->invert == IMPORT_INVERT_YES ? TREATMENT_INVERT : TREATMENT_KEEP;
    if (options->invert != IMPORT_INVERT_AUTO && !(is_default && options->channels == 1))
        return;
    struct pictures_polarity count = pictures_count_polarity(set);
    bool invert = 2 * count.papers > count.total;
    int others = 0;
    options->treatment.invert = invert ? TREATMENT_INVERT : TREATMENT_KEEP;
    log_note(
        "%s: %zu of %zu pictures have a plain, light border, as paper has; --invert %s "
        "decides otherwise",
        invert ? "inverted all pictures, so that ink is bright on dark"
               : "inverted nothing",
        count.papers, count.total, invert ? "no" : "yes");
    for (int c = 0; c < set->classes; c++) {
        if (count.all[c] == 0 || (2 * count.paper[c] > count.all[c]) == invert)
            continue;
        if (others++ < 5)
            log_note("class '%s' differs: %zu of its %zu pictures have such a border",
                     set->class_name[c], count.paper[c], count.all[c]);
    }
    if (others > 5)
        log_note("... and %d more classes differ", others - 5);
    free(count.paper);
    free(count.all);
}

enum import_store import_choose_store(double files, double pixels, double memory)
{
    return pixels > memory / 2 && files < pixels ? IMPORT_STORE_ENCODED
                                                 : IMPORT_STORE_RAW;
}

static void pictures_decide_store(const struct import_set *set,
                                  struct import_options *options)
{
    const struct shape shape = {options->h, options->w, options->channels};
    double files = 0, pixels = 0, memory = (double)mem_shared_limit();
    for (size_t i = 0; i < set->count; i++) {
        if (set->picture[i].reason)
            continue;
        files += (double)set->picture[i].bytes;
        pixels += (double)dataset_image_bytes(shape);
    }
    if (set->memory) /* there are no files */
        options->store = IMPORT_STORE_RAW;
    if (options->store != IMPORT_STORE_AUTO)
        return;
    options->store = import_choose_store(files, pixels, memory);
    if (options->store == IMPORT_STORE_ENCODED)
        log_note(
            "the files are stored (%s): as pixels (%s) they would need more than half of "
            "the memory (%s); --store raw decides otherwise",
            bytes_text(files).text, bytes_text(pixels).text, bytes_text(memory).text);
}

/* --- the whole import --- */

/* Equal pictures that are left out must be so before the splits are drawn. */
static enum status pictures_split(struct import_set *set,
                                  const struct import_options *options,
                                  const double share[DATASET_SPLITS])
{
    struct import_twins twins;
    TRY(import_twins_find(&twins, set, options));
    if (options->dedupe)
        import_twins_drop(&twins, set);
    import_assign(set, share, options->seed);
    import_twins_report(&twins, set);
    import_twins_release(&twins);
    import_count(set);
    return ST_OK;
}

enum status import_write(struct import_set *set, const char *out,
                         const struct import_options *wanted)
{
    struct import_options options = *wanted;
    double share[DATASET_SPLITS];
    options.treatment.recorded = true;
    TRY(import_report_check(set->input, out));
    if (options.class_name)
        TRY(import_name_classes(set, options.class_name, options.classes));
    TRY(import_check_classes(set, &options));
    TRY(import_read_shares(set, &options, share));
    if (options.group_by)
        TRY(import_group(set, options.group_by));
    TRY(import_survey(set, &options));
    TRY(pictures_split(set, &options, share));
    pictures_decide_shape(set, &options);
    import_report_facts(set, &options);
    pictures_decide_polarity(set, &options);
    pictures_decide_store(set, &options);
    TRY(import_store_images(set, out, &options));
    TRY(import_report_skipped(set, out));
    import_report_table(set, out, &options);
    return ST_OK;
}

enum status import_pictures(const char *path, enum import_kind kind, const char *out,
                            const struct import_options *options)
{
    struct import_set *set;
    TRY(import_find(&set, path, kind, options->label));
    enum status st = import_write(set, out, options);
    import_set_free(set);
    return st;
}

enum status import_list_folder(const char *folder, char ***paths, int *count)
{
    struct import_set set;
    char path[FS_PATH];
    enum status st = ST_OK;
    *paths = NULL;
    *count = 0;
    TRY(import_scan_all(&set, folder));
    import_report_passed(&set.passed);
    if (set.count == 0)
        st = status_fail(ST_FAIL, "'%s' holds no pictures", folder);
    else
        *paths = mem_zeroed(set.count, sizeof **paths);
    for (size_t i = 0; i < set.count && st == ST_OK; i++) {
        st = import_path(&set, &set.picture[i], path);
        if (st == ST_OK)
            (*paths)[(*count)++] = mem_strdup(path);
    }
    import_set_release(&set);
    if (st == ST_OK)
        return ST_OK;
    fs_free_list(*paths, *count);
    *paths = NULL;
    *count = 0;
    return st;
}
