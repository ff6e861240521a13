#include "nn/layer_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/status.h"
#include "named_network_text.h"
#include "spec_line.h"

/* The text of table i of the network, and its source; NULL: there is none. */
static const char *names_text(const char *network, int i, char source[LAYER_NAMES_SOURCE])
{
    size_t length = strlen(network);
    for (const struct named_network_file *file = named_network_files; file->family;
         file++) {
        const char *name = file->family, *dot = name + length;
        if (strncmp(name, network, length) != 0 || *dot != '.' || i-- > 0)
            continue;
        snprintf(source, LAYER_NAMES_SOURCE, "%.*s", (int)strcspn(dot + 1, "."), dot + 1);
        return file->text;
    }
    return NULL;
}

static void names_add(struct layer_names *names, char *theirs, char *ours)
{
    size_t count = (size_t)names->count + 1;
    names->theirs = mem_resize(names->theirs, count, sizeof *names->theirs);
    names->ours = mem_resize(names->ours, count, sizeof *names->ours);
    names->theirs[names->count] = theirs;
    names->ours[names->count++] = ours;
}

/* The words of the line at *text, which moves to the next one; false: it is the end. */
struct names_line {
    char word[3][SPEC_WORD];
    int words;
};

static bool names_next_line(const char **text, struct names_line *line)
{
    char copy[SPEC_WORD * 3];
    size_t length = strcspn(*text, "\n");
    if (**text == '\0')
        return false;
    ASSERT(length < sizeof copy);
    memcpy(copy, *text, length);
    copy[length] = '\0';
    *text += length + 1; /* every line has an end */
    const char *rest = copy;
    line->words = 0;
    if (*copy != '#')
        while (line->words < 3 && spec_next_word(&rest, line->word[line->words]))
            line->words++;
    return true;
}

/* The text behind the line "[KIND]". */
static const char *names_section(const char *text, const char *kind)
{
    char heading[SPEC_WORD + 2];
    struct names_line line;
    snprintf(heading, sizeof heading, "[%s]", kind);
    while (names_next_line(&text, &line))
        if (line.words == 1 && strcmp(line.word[0], heading) == 0)
            return text;
    return NULL;
}

static void names_add_block(struct layer_names *names, const char *text,
                            const struct names_line *block)
{
    const char *section = names_section(text, block->word[2]);
    struct names_line line;
    ASSERT(section);
    while (names_next_line(&section, &line) && line.words == 2)
        names_add(names, mem_format("%s.%s", block->word[0], line.word[0]),
                  mem_format("%s.%s", block->word[1], line.word[1]));
}

bool layer_names_read(struct layer_names *names, const char *network, int i)
{
    struct names_line line;
    *names = (struct layer_names){.count = 0};
    const char *text = names_text(network, i, names->source), *rest = text;
    if (!text)
        return false;
    while (names_next_line(&rest, &line) && line.words != 1) {
        if (line.words == 2)
            names_add(names, mem_strdup(line.word[0]), mem_strdup(line.word[1]));
        else if (line.words == 3)
            names_add_block(names, text, &line);
    }
    return true;
}

void layer_names_release(struct layer_names *names)
{
    for (int i = 0; i < names->count; i++) {
        free(names->theirs[i]);
        free(names->ours[i]);
    }
    free(names->theirs);
    free(names->ours);
    *names = (struct layer_names){.count = 0};
}

const char *layer_names_theirs(const struct layer_names *names, const char *ours)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->ours[i], ours) == 0)
            return names->theirs[i];
    return NULL;
}
