/* Config files: what `lockstep train CONFIG` does with one before there is a data set. */
#include <string.h>

#include "app/config/config.h"
#include "fuzz.h"
#include "nn/model.h"

static void show_nothing(const char *line)
{
    (void)line;
}

static bool build(const struct config *config)
{
    struct model model;
    if (model_init(&model, &config->model, (struct shape){28, 28, 1}, 26,
                   config->run.train.grain) != ST_OK)
        return false;
    model_print(&model);
    model_release(&model);
    return true;
}

/* What a run would start with goes into its checkpoints as text, and comes back. */
static void write_and_read(const struct config *config)
{
    struct config again;
    char *text = config_text(config);
    config_init(&again);
    FUZZ_CHECK(config_parse(&again, text, "again") == ST_OK);
    FUZZ_CHECK(config_compare(config, &again, fuzz_wrong) == ST_OK);
    config_release(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    config_init(&config);
    if (config_read(&config, fuzz_file("a.conf", data, size)) == ST_OK) {
        config_show_changed(&config, show_nothing);
        if (build(&config) && config_check(&config, "a.conf") == ST_OK)
            write_and_read(&config);
    }
    char *assignment = strndup((const char *)data, size);
    (void)!config_set(&config, assignment);
    free(assignment);
    config_release(&config);
    return 0;
}
