#include "app/config/config_parameters.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config_keys.h"

/* By enum key_kind; the others are text. */
static const enum run_parameter_kind parameter_kinds[] = {
    [KEY_INT] = RUN_PARAMETER_NUMBER, [KEY_LONG] = RUN_PARAMETER_NUMBER,
    [KEY_U64] = RUN_PARAMETER_NUMBER, [KEY_REAL] = RUN_PARAMETER_NUMBER,
    [KEY_BOOL] = RUN_PARAMETER_FLAG,  [KEY_TEXT] = RUN_PARAMETER_TEXT,
    [KEY_SIZE] = RUN_PARAMETER_TEXT,  [KEY_LENGTH] = RUN_PARAMETER_TEXT,
    [KEY_WORD] = RUN_PARAMETER_TEXT,  [KEY_LAYERS] = RUN_PARAMETER_TEXT,
};

struct run_parameter *config_parameters(const struct config *config, int *count)
{
    struct run_parameter *list = mem_zeroed((size_t)config_key_count, sizeof *list);
    *count = 0;
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char *text = config_key_text(config, i);
        if (!text)
            continue;
        list[(*count)++] = (struct run_parameter){
            .name = mem_format("%s.%s", key->section, key->name),
            .kind = parameter_kinds[key->kind],
            .text = text,
            .number = strtod(text, NULL),
            .flag = strcmp(text, "on") == 0,
        };
    }
    return list;
}

void config_parameters_free(struct run_parameter *parameter, int count)
{
    for (int i = 0; i < count; i++) {
        free(parameter[i].name);
        free(parameter[i].text);
    }
    free(parameter);
}
