#include "app/run/label_kind.h"

#include "train/metric.h"

/* The network ends in a layer of the config. */
static enum status label_kind_of_sets(struct config *config, const char *name,
                                      const struct dataset_info *data)
{
    int *metric = &config->run.train.metric;
    if (config->run.input.sampling == SAMPLING_BALANCED)
        FAIL(
            ST_USAGE,
            "data.sampling = balanced is for images of one class, but those of '%s' have "
            "several, or none; use train.class_weights = auto",
            data->path);
    if (!model_spec_use_logsigmoid(&config->model))
        FAIL(ST_USAGE,
             "%s: images of '%s' have several classes, or none: the last line of [model] "
             "must be 'layer = logsigmoid'",
             name, data->path);
    if (*metric == METRIC_ACCURACY)
        *metric = METRIC_AVERAGE_PRECISION;
    return ST_OK;
}

enum status label_kind_apply(struct config *config, const char *name,
                             const struct dataset_info *data)
{
    enum metric metric = (enum metric)config->run.train.metric;
    if (data->multi_label)
        return label_kind_of_sets(config, name, data);
    if (model_spec_ends_in_logsigmoid(&config->model))
        FAIL(ST_USAGE,
             "%s: the network ends in 'logsigmoid', for images with several classes, but "
             "each image of '%s' has one: write 'layer = logsoftmax'",
             name, data->path);
    if (metric_is_of_sets(metric))
        FAIL(ST_USAGE,
             "train.metric = %s is for images with several classes, but each image of "
             "'%s' has one",
             metric_words[metric], data->path);
    return ST_OK;
}
