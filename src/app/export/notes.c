#include "app/export/notes.h"

#include <stdlib.h>

#include "app/version.h"
#include "base/hash.h"
#include "base/mem.h"
#include "io/text.h"

/* Takes over the text. */
static void notes_take(struct export_notes *notes, const char *key, char *text)
{
    ASSERT(notes->count < EXPORT_NOTES);
    notes->note[notes->count++] = (struct array_note){key, text};
}

void export_notes_add(struct export_notes *notes, const char *key, const char *text)
{
    notes_take(notes, key, mem_strdup(text));
}

static char *notes_size(struct shape shape)
{
    return mem_format("%dx%dx%d", shape.h, shape.w, shape.c);
}

static char *notes_pixels(const struct checkpoint_info *info, const double *value)
{
    char *text = mem_strdup("");
    for (int c = 0; c < info->shape.c; c++)
        mem_append(&text, "%s%.9g", c ? "," : "", 255 * value[c]);
    return text;
}

static char *notes_classes(const struct checkpoint_info *info)
{
    char *text = mem_strdup("");
    for (int c = 0; c < info->classes; c++)
        mem_append(&text, "%s%s", c ? "\n" : "", info->class_name[c]);
    return text;
}

/* A path in it need not be UTF-8, and files of other programs want that. */
static char *notes_config(const struct checkpoint_info *info)
{
    char *text = mem_strdup(info->config);
    if (!text_is_whole_utf8(text))
        for (char *c = text; *c; c++)
            *c = *c & 0x80 ? '?' : *c;
    return text;
}

void export_notes_init(struct export_notes *notes, const struct network *network,
                       const char *licence)
{
    const struct checkpoint_info *info = &network->info;
    const struct input_crop *crop = &network->config.run.input.crop;
    char state[17];
    hash_text(info->state, state);
    *notes = (struct export_notes){0};
    notes_take(notes, "lockstep.image", notes_size(info->shape));
    notes_take(notes, "lockstep.input", notes_size(network->model.in));
    notes_take(notes, "lockstep.shift",
               mem_format("%d,%d", crop->shift_x, crop->shift_y));
    notes_take(notes, "lockstep.pixel_mean", notes_pixels(info, info->mean));
    notes_take(notes, "lockstep.pixel_std", notes_pixels(info, info->std));
    notes_take(notes, "lockstep.classes", notes_classes(info));
    if (network->model.multi_label) {
        export_notes_add(notes, "lockstep.multi_label", "yes");
        notes_take(notes, "lockstep.threshold",
                   mem_format("%.9g", network->config.run.eval.threshold));
    }
    if (network_temperature(network) > 0)
        notes_take(notes, "lockstep.temperature",
                   mem_format("%.9g", network_temperature(network)));
    export_notes_add(notes, "lockstep.treatment", info->treatment);
    notes_take(notes, "lockstep.step",
               mem_format("%llu", (unsigned long long)info->progress.step));
    export_notes_add(notes, "lockstep.state", state);
    notes_take(notes, "lockstep.config", notes_config(info));
    export_notes_add(notes, "lockstep.version", app_version());
    export_notes_add(notes, "lockstep.licence", licence ? licence : EXPORT_NO_LICENCE);
}

void export_notes_release(struct export_notes *notes)
{
    for (int i = 0; i < notes->count; i++)
        free((void *)(uintptr_t)notes->note[i].text);
    *notes = (struct export_notes){0};
}
