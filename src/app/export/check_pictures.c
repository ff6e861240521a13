#include "check_pictures.h"

#include <stdlib.h>

#include "app/run/data_source.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/dataset_info.h"

/* Images of the split that training chooses by, of the data set `info`. */
static enum status pictures_read(const struct dataset_info *info, int *count,
                                 uint8_t *pixels, char **what)
{
    enum dataset_split split = dataset_choosing(info);
    size_t images = info->count[split], bytes = dataset_image_bytes(info->shape);
    if (images < (size_t)*count)
        *count = (int)images;
    if (images == 0)
        FAIL(ST_FAIL, "'%s' has no images to check", info->path);
    for (int i = 0; i < *count; i++) {
        size_t row = images * (size_t)i / (size_t)*count;
        TRY(dataset_read_rows(info, split, row, 1, pixels + (size_t)i * bytes, NULL));
    }
    *what = mem_format("%s images of '%s'", dataset_split_name[split], info->path);
    return ST_OK;
}

static enum status pictures_open(const struct network *network, int *count,
                                 uint8_t *pixels, char **what)
{
    const struct data_options *data = &network->config.data;
    const struct import_options import = data_source_training_options(data);
    bool has[DATASET_SPLITS];
    struct dataset_info info;
    char *file = NULL;
    if (!*data->file)
        FAIL(ST_USAGE, "'%s' does not say on which data set it was trained",
             network->checkpoint);
    if (!fs_is_file(data->file) && !fs_is_folder(data->file))
        FAIL(ST_USAGE, "'%s' was trained on '%s', which is not here", network->checkpoint,
             data->file);
    TRY(data_source_find(data->file, &import, &file, has));
    enum status st = dataset_info_read(&info, file);
    free(file);
    TRY(st);
    if (shape_equal(info.shape, network->info.shape))
        st = pictures_read(&info, count, pixels, what);
    else
        st = status_fail(ST_USAGE, "the images of '%s' have another size now", info.path);
    dataset_info_release(&info);
    return st;
}

/* Noise, each picture with a brightness and a contrast of its own. */
static void pictures_draw(const struct network *network, int i, uint8_t *pixels)
{
    size_t bytes = dataset_image_bytes(network->info.shape);
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, (uint32_t)i, 0);
    float least = rng_range(&rng, 0, 128), most = rng_range(&rng, least, 256);
    for (size_t j = 0; j < bytes; j++)
        pixels[j] = (uint8_t)rng_range(&rng, least, most);
}

int check_pictures(const struct network *network, int count, uint8_t *pixels, char **what)
{
    char why[STATUS_TEXT] = "";
    size_t bytes = dataset_image_bytes(network->info.shape);
    status_capture(why);
    enum status st = pictures_open(network, &count, pixels, what);
    status_capture(NULL);
    if (st == ST_OK)
        return count;
    log_note("%s: checking with random pictures", why);
    for (int i = 0; i < count; i++)
        pictures_draw(network, i, pixels + (size_t)i * bytes);
    *what = mem_strdup("random pictures");
    return count;
}
