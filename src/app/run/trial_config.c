#include "app/run/trial_config.h"

#include <stdio.h>

static const char reference[] = "[model]\n"
                                "layer = conv 32 kernel=3\nlayer = maxpool 2\n"
                                "layer = gelu\n"
                                "layer = conv 64 kernel=3\nlayer = maxpool 2\n"
                                "layer = gelu\n"
                                "layer = conv 128 kernel=3\nlayer = maxpool 2\n"
                                "layer = gelu\n"
                                "layer = flatten\n"
                                "layer = linear 512\nlayer = gelu\n"
                                "layer = linear 256\nlayer = gelu\n"
                                "layer = linear classes\nlayer = logsoftmax\n"
                                "[optim]\nlr = 0.01\n";

enum status trial_config_read(const char *path, long long grain, const char *image_size,
                              struct config *config)
{
    char option[64];
    config_init(config);
    if (path)
        TRY(config_read(config, path));
    else
        TRY(config_parse(config, reference, "the reference network"));
    TRY(config_set_image_size(config, image_size));
    snprintf(option, sizeof option, "train.grain=%lld", grain);
    if (grain > 0)
        TRY(config_set(config, option));
    return ST_OK;
}

struct trial_source trial_config_source(const struct config *config, const char *data)
{
    const struct data_options *options = &config->data;
    struct trial_source source = {.data = data};
    if (options->h > 0)
        source.letters =
            (struct shape){options->h, options->w, options->channels == 1 ? 1 : 3};
    return source;
}
