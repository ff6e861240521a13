/* config: what concerns more than one key, or how checkpoints keep a value. */
#include <ctype.h>
#include <string.h>

#include "app/config/config.h"

/* Statistics of a few pictures are noisier than those of the many that weights are of. */
void config_settle(struct config *config)
{
    const struct finetune_options *finetune = &config->finetune;
    config->model.freeze.statistics =
        finetune->statistics == STATISTICS_FROZEN ||
        (finetune->statistics == STATISTICS_AUTO && *finetune->pretrained);
}

/* A checkpoint keeps the config as text: would this value be read back as it is? */
static bool config_is_storable(const char *text)
{
    size_t n = strlen(text);
    if (n > 0 && (isspace((unsigned char)text[0]) || isspace((unsigned char)text[n - 1])))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool comment = text[i] == '#' || text[i] == ';';
        bool alone = i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t';
        if (text[i] == '\n' || (comment && alone))
            return false;
    }
    return true;
}

static enum status config_check_file(const char *name, const char *of)
{
    if (!config_is_storable(name))
        FAIL(ST_USAGE,
             "'%s' cannot be the name of %s: a config cannot hold a line end, a blank at "
             "either end, or '#' or ';' after a blank; rename the file",
             name, of);
    return ST_OK;
}

static enum status config_check_mix(const struct train_options *train)
{
    int largest = train->batch < train->grain ? train->batch : train->grain;
    if ((train->mixup > 0 || train->cutmix > 0) && largest < 2)
        FAIL(ST_USAGE,
             "%s mixes the images of a grain in pairs, and train.%s = 1 leaves grains of "
             "one image; raise it",
             train->mixup > 0 ? "train.mixup" : "train.cutmix",
             train->grain == 1 ? "grain" : "batch");
    return ST_OK;
}

enum status config_check(const struct config *config, const char *name)
{
    if (config->model.lines.count == 0)
        FAIL(ST_USAGE, "%s: no network: [model] needs 'layer = ...' lines", name);
    if (!*config->data.file)
        FAIL(ST_USAGE, "%s: no data set; give --data FILE or file = in [data]", name);
    TRY(config_check_file(config->data.file, "the data set"));
    TRY(config_check_file(config->finetune.pretrained, "a file of weights"));
    TRY(config_check_file(config->run.features.folder, "the folder of features"));
    TRY(config_check_file(config->run.log.mlperf, "a file of MLPerf's lines"));
    if (!config_is_storable(config->run.train.class_weights))
        FAIL(ST_USAGE,
             "train.class_weights = '%s': expected none, auto or NAME:WEIGHT, ...",
             config->run.train.class_weights);
    TRY(config_check_mix(&config->run.train));
    if (!config_is_storable(config->run.parallel.stages))
        FAIL(ST_USAGE, "parallel.stages = '%s': expected LAYER+LAYER | LAYER ...",
             config->run.parallel.stages);
    const struct param_groups *groups = &config->run.optim.groups;
    for (int g = 0; g < groups->count; g++)
        if (!config_is_storable(groups->group[g].match))
            FAIL(ST_USAGE,
                 "%s: group '%s': match = '%s': expected PATTERN[, PATTERN ...]",
                 groups->group[g].where, groups->group[g].name, groups->group[g].match);
    return ST_OK;
}
