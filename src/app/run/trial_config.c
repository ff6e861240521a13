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

enum status trial_config_read(const char *path, long long grain, struct config *config)
{
    char option[64];
    config_init(config);
    if (path)
        TRY(config_read(config, path));
    else
        TRY(config_parse(config, reference, "the reference network"));
    snprintf(option, sizeof option, "train.grain=%lld", grain);
    if (grain > 0)
        TRY(config_set(config, option));
    return ST_OK;
}
