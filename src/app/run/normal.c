#include "app/run/normal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

#define NORMAL_WHITE 255.0
#define NORMAL_LEAST 1e-3 /* of a deviation, in units of pixels */

enum status normal_read(const char *what, const char *text, int channels, bool deviation,
                        double value[DATASET_CHANNELS])
{
    char *copy = mem_strdup(text), *rest = copy;
    double least = deviation ? NORMAL_LEAST : 0;
    int count = 0;
    bool good = true;
    for (char *word; good && (word = strsep(&rest, ",")) != NULL; count++) {
        double number = 0;
        good = count < DATASET_CHANNELS &&
               parse_real(parse_trim(word), least, NORMAL_WHITE, &number);
        if (good)
            value[count] = number / NORMAL_WHITE;
    }
    free(copy);
    if (!good || (count != 1 && count != channels))
        FAIL(ST_USAGE, "%s = %s: expected one number from %g to %g%s", what, text, least,
             NORMAL_WHITE,
             channels > 1 ? ", or three of them with commas in between" : "");
    for (int c = count; c < channels; c++)
        value[c] = value[0];
    return ST_OK;
}

char *normal_text(const double *value, int channels)
{
    char *text = mem_strdup("");
    for (int c = 0; c < channels; c++)
        mem_append(&text, "%s%.17g", c ? "," : "", value[c] * NORMAL_WHITE);
    return text;
}

enum status normal_apply(const struct data_options *options, struct dataset_info *data)
{
    int channels = data->shape.c;
    if (*options->mean)
        TRY(normal_read("data.mean", options->mean, channels, false, data->mean));
    if (*options->std)
        TRY(normal_read("data.std", options->std, channels, true, data->std));
    return ST_OK;
}
