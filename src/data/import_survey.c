#include "import_survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/import_treatment.h"
#include "import_queue.h"

#define SURVEY_COLOUR   8 /* channels that differ by more are colour, not noise of JPEG */
#define SURVEY_PAPER    32   /* how far a plain border's pixels are from their mean */
#define SURVEY_PLAIN    0.9  /* part of a plain border's pixels that are so near */
#define SURVEY_SIZES    1000 /* pictures looked at before unequal sizes are an error */
#define SURVEY_BAD_MOST 20   /* unreadable files that notes name */

struct survey {
    struct import_set *set;
    const struct import_options *options;
    struct image_options reader;
    size_t unreadable;
    size_t smallest, largest, sized; /* pictures by area; how many have a size */
    bool sizes_differ;
};

static bool survey_has_colour(const struct image *image)
{
    size_t n = (size_t)image->h * (size_t)image->w;
    const uint8_t *p = image->pixel;
    for (size_t i = 0; image->c == 3 && i < n; i++, p += 3)
        if (abs(p[0] - p[1]) > SURVEY_COLOUR || abs(p[1] - p[2]) > SURVEY_COLOUR ||
            abs(p[0] - p[2]) > SURVEY_COLOUR)
            return true;
    return false;
}

static bool survey_is_flat(const struct image *image)
{
    size_t c = (size_t)image->c, bytes = (size_t)image->h * (size_t)image->w * c;
    return memcmp(image->pixel, image->pixel + c, bytes - c) == 0;
}

static int survey_grey(const struct image *image, int y, int x)
{
    const uint8_t *p =
        image->pixel + ((size_t)y * (size_t)image->w + (size_t)x) * (size_t)image->c;
    return image->c == 1 ? p[0] : (299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000;
}

static void survey_border(const struct image *image, struct import_picture *facts)
{
    int seen[256] = {0};
    long n = 0, sum = 0, near = 0;
    for (int y = 0; y < image->h; y++) {
        bool edge = y == 0 || y == image->h - 1;
        for (int x = 0; x < image->w; x += edge || image->w < 2 ? 1 : image->w - 1) {
            int grey = survey_grey(image, y, x);
            seen[grey]++;
            sum += grey;
            n++;
        }
    }
    int mean = (int)((sum + n / 2) / n), low = mean - SURVEY_PAPER;
    for (int v = low > 0 ? low : 0; v < 256 && v <= mean + SURVEY_PAPER; v++)
        near += seen[v];
    facts->light_border = sum > 127 * n;
    facts->plain_border = (double)near >= SURVEY_PLAIN * (double)n;
}

/* The result of one picture is a struct import_picture with the facts alone. */
static void survey_work(void *context, size_t i, void *slot)
{
    const struct survey *survey = context;
    struct import_picture *facts = slot;
    char text[STATUS_TEXT] = "";
    struct image image = {0};
    struct image_facts told = {0};
    status_capture(text);
    enum status st = import_load(survey->set, i, &survey->reader, &image, &told);
    status_capture(NULL);
    if (st != ST_OK) {
        facts->unreadable = true;
        facts->reason = mem_strdup(text);
        return;
    }
    const int size[3] = {image.h, image.w, image.c};
    size_t bytes = (size_t)image.h * (size_t)image.w * (size_t)image.c;
    facts->h = image.h;
    facts->bytes = told.bytes;
    facts->w = image.w;
    facts->hash = hash_bytes(image.pixel, bytes, hash_bytes(size, sizeof size, 0));
    facts->colour = survey_has_colour(&image);
    facts->transparent = told.was_transparent;
    facts->laid_on_black = told.laid_on_black;
    facts->dark_range = told.dark_range && survey->reader.range == IMAGE_RANGE_FULL;
    facts->several_pages = told.first_of_several;
    facts->flat = survey_is_flat(&image);
    survey_border(&image, facts);
    import_unload(survey->set, &image);
}

static void survey_drop(void *slot)
{
    struct import_picture *facts = slot;
    free(facts->reason);
}

static int survey_by_value(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

/* A usual size that is not larger than the shorter side of most pictures. */
static int survey_usual_size(const struct import_set *set)
{
    static const int usual[] = {224, 192, 160, 128, 96, 64, 48, 32, 28, 24, 16};
    int *side = mem_zeroed(set->count, sizeof *side), n = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *picture = &set->picture[i];
        if (picture->h)
            side[n++] = picture->h < picture->w ? picture->h : picture->w;
    }
    qsort(side, (size_t)n, sizeof *side, survey_by_value);
    int median = side[n / 2], size = median;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (usual[i] <= median) {
            size = usual[i];
            break;
        }
    free(side);
    return size;
}

static enum status survey_refuse_sizes(const struct survey *survey)
{
    const struct import_picture *small = &survey->set->picture[survey->smallest];
    const struct import_picture *large = &survey->set->picture[survey->largest];
    FAIL(ST_FAIL,
         "the pictures have different sizes, from %d x %d ('%s') to %d x %d ('%s'); give "
         "one to which they are scaled, for example %s%d",
         small->h, small->w, small->path, large->h, large->w, large->path,
         survey->options->size_option ? survey->options->size_option : "--size ",
         survey_usual_size(survey->set));
}

static size_t survey_area(const struct import_picture *picture)
{
    return (size_t)picture->h * (size_t)picture->w;
}

static enum status survey_take(void *context, size_t i, void *slot)
{
    struct survey *survey = context;
    struct import_picture *picture = &survey->set->picture[i], *first;
    const struct import_picture *facts = slot;
    struct import_picture found = *facts;
    found.path = picture->path;
    found.class = picture->class;
    found.labels = picture->labels;
    found.first_label = picture->first_label;
    found.split = picture->split;
    found.group = picture->group;
    found.weight = picture->weight;
    *picture = found;
    if (i % 1024 == 0)
        log_progress("looking at picture %zu of %zu", i, survey->set->count);
    survey->unreadable += found.unreadable;
    if (found.unreadable)
        return ST_OK;
    if (survey->sized++ == 0)
        survey->smallest = survey->largest = i;
    first = &survey->set->picture[survey->smallest];
    survey->sizes_differ =
        survey->sizes_differ || first->h != found.h || first->w != found.w;
    if (survey_area(picture) < survey_area(first))
        survey->smallest = i;
    if (survey_area(picture) > survey_area(&survey->set->picture[survey->largest]))
        survey->largest = i;
    if (!survey->options->h && survey->sizes_differ && survey->sized >= SURVEY_SIZES)
        return survey_refuse_sizes(survey);
    return ST_OK;
}

/* All unreadable files are named at once; up to a limit, if FILE.skipped.csv will name
   all of them. */
static enum status survey_check_bad(const struct survey *survey)
{
    const struct import_options *options = survey->options;
    const struct import_set *set = survey->set;
    size_t bad = survey->unreadable, told = 0;
    double most = options->strict ? 0 : options->max_bad * (double)set->count;
    if (bad == 0)
        return ST_OK;
    bool fails = (double)bad > most || bad == set->count;
    for (size_t i = 0; i < set->count && (fails || told < SURVEY_BAD_MOST); i++) {
        if (!set->picture[i].unreadable)
            continue;
        told++;
        if (fails)
            log_error("%s", set->picture[i].reason);
        else
            log_note("left out: %s", set->picture[i].reason);
    }
    if (bad > told)
        log_note("... and %zu more", bad - told);
    if (fails && options->strict)
        FAIL(ST_FAIL, "%zu of %zu files cannot be read: nothing was written", bad,
             set->count);
    if (fails)
        FAIL(ST_FAIL,
             "%zu of %zu files cannot be read, more than --max-bad %g%%: nothing was "
             "written",
             bad, set->count, 100 * options->max_bad);
    return ST_OK;
}

enum status import_survey(struct import_set *set, const struct import_options *options)
{
    struct survey survey = {.set = set,
                            .options = options,
                            .reader = treatment_reader(&options->treatment, NULL)};
    const struct import_queue_job job = {.count = set->count,
                                         .threads = options->threads,
                                         .slot_bytes = sizeof(struct import_picture),
                                         .work = survey_work,
                                         .take = survey_take,
                                         .drop = survey_drop,
                                         .context = &survey};
    TRY(import_queue_run(&job));
    TRY(survey_check_bad(&survey));
    if (!options->h && survey.sizes_differ)
        return survey_refuse_sizes(&survey);
    return ST_OK;
}
