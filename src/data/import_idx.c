#include "data/import.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "import_impl.h"
#include "io/idx.h"

static enum status import_idx_check_shapes(const struct idx *images,
                                           const char *images_path,
                                           const struct idx *labels,
                                           const char *labels_path)
{
    if (images->ndims == 1 && labels->ndims == 3)
        FAIL(ST_FAIL, "'%s' holds labels and '%s' images: are they swapped?", images_path,
             labels_path);
    if (images->ndims != 3)
        FAIL(ST_FAIL, "'%s' does not hold images: it has %d dimensions, not 3",
             images_path, images->ndims);
    if (labels->ndims != 1)
        FAIL(ST_FAIL, "'%s' does not hold labels: it has %d dimensions, not 1",
             labels_path, labels->ndims);
    if (images->dim[0] != labels->dim[0])
        FAIL(ST_FAIL, "'%s' holds %zu images but '%s' %zu labels", images_path,
             images->dim[0], labels_path, labels->dim[0]);
    if (images->dim[0] == 0)
        FAIL(ST_FAIL, "'%s' holds no images", images_path);
    if (images->count == 0 || images->dim[1] > INT16_MAX || images->dim[2] > INT16_MAX)
        FAIL(ST_FAIL, "'%s' holds images of %zu x %zu pixels", images_path,
             images->dim[1], images->dim[2]);
    return ST_OK;
}

static enum status import_idx_scale(struct idx *images, const char *path,
                                    double max_value)
{
    for (size_t i = 0; i < images->count; i++)
        if (!import_scale(images->data[i], max_value, &images->data[i]))
            FAIL(ST_FAIL, "'%s' holds a pixel %d, above --max-value %g", path,
                 images->data[i], max_value);
    return ST_OK;
}

/* Moves the data of `images` into builder and clears the pointer. */
static enum status import_idx_take_images(struct idx *images, const char *path,
                                          const struct import_table_options *options,
                                          enum dataset_split split,
                                          struct dataset_builder *builder)
{
    bool transpose = options->transpose;
    int rows = (int)images->dim[1], columns = (int)images->dim[2];
    int h = transpose ? columns : rows, w = transpose ? rows : columns;
    if (builder->h && (builder->h != h || builder->w != w))
        FAIL(ST_FAIL,
             "'%s' holds images of %d x %d pixels, but those for training have "
             "%d x %d",
             path, h, w, builder->h, builder->w);
    builder->h = h;
    builder->w = w;
    size_t n = images->dim[0], image = (size_t)h * (size_t)w;
    if (options->max_value > 0)
        TRY(import_idx_scale(images, path, options->max_value));
    if (transpose) {
        uint8_t *one = mem_zeroed(image, 1);
        for (size_t i = 0; i < n; i++) {
            memcpy(one, images->data + i * image, image);
            import_transpose(rows, columns, one, images->data + i * image);
        }
        free(one);
    }
    builder->count[split] = n;
    builder->images[split] = images->data;
    images->data = NULL;
    return ST_OK;
}

static enum status import_idx_take_labels(const struct idx *file, const char *path,
                                          struct import_labels *labels,
                                          enum dataset_split split,
                                          struct dataset_builder *builder)
{
    uint16_t *out = mem_zeroed(file->count, sizeof *out);
    builder->labels[split] = out;
    for (size_t i = 0; i < file->count; i++)
        TRY(import_label(labels, file->data[i], path, "item", i, out + i));
    return ST_OK;
}

static enum status import_idx_read_split(const struct import_idx_options *options,
                                         enum dataset_split split,
                                         struct import_labels *labels,
                                         struct dataset_builder *builder)
{
    const char *images_path = options->images[split],
               *labels_path = options->labels[split];
    struct idx image_file = {0}, label_file = {0};
    enum status st;
    TRY_TO(done, idx_read(&image_file, images_path));
    TRY_TO(done, idx_read(&label_file, labels_path));
    TRY_TO(done,
           import_idx_check_shapes(&image_file, images_path, &label_file, labels_path));
    TRY_TO(done,
           import_idx_take_labels(&label_file, labels_path, labels, split, builder));
    TRY_TO(done, import_idx_take_images(&image_file, images_path, &options->table, split,
                                        builder));
done:
    idx_release(&label_file);
    idx_release(&image_file);
    return st;
}

static enum status import_idx_read_all(const struct import_idx_options *options,
                                       struct dataset_builder *builder)
{
    struct import_labels labels;
    TRY(import_named_classes(&options->table, builder, &labels));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        if (options->images[s])
            TRY(import_idx_read_split(options, s, &labels, builder));
    }
    TRY(import_finish(builder, &labels, &options->table, options->images[DATASET_TRAIN]));
    const char *test = options->images[DATASET_TEST];
    builder->source =
        mem_format("IDX files %s%s%s", import_basename(options->images[DATASET_TRAIN]),
                   test ? ", " : "", test ? import_basename(test) : "");
    return ST_OK;
}

enum status import_idx(const struct import_idx_options *options,
                       struct dataset_builder *builder)
{
    *builder = (struct dataset_builder){0};
    enum status st = import_idx_read_all(options, builder);
    if (st != ST_OK)
        dataset_builder_release(builder);
    return st;
}
