/* named_network: the text of a family becomes that of a network. */
#include "named_network_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/named_network.h"
#include "spec_line.h"

static const char *named_network_family(const char *family)
{
    for (const struct named_network_file *file = named_network_files; file->family;
         file++)
        if (strcmp(file->family, family) == 0)
            return file->text;
    return NULL;
}

/* Has the network NAME? value: "" for a name without one. */
static bool named_network_value(const struct named_network *network, const char *name,
                                char value[SPEC_WORD])
{
    const char *values = network->values;
    char word[SPEC_WORD];
    while (spec_next_word(&values, word)) {
        size_t length = strcspn(word, "=");
        if (strlen(name) != length || strncmp(word, name, length) != 0)
            continue;
        strcpy(value, word + length + (word[length] == '='));
        return true;
    }
    return false;
}

/* Appends the line with its values. */
static void named_network_append(char **text, const struct named_network *network,
                                 const char *line)
{
    char name[SPEC_WORD], value[SPEC_WORD];
    for (const char *at; (at = strchr(line, '@')) != NULL;) {
        size_t length = strcspn(at + 1, "@");
        ASSERT(at[1 + length] == '@' && length < SPEC_WORD);
        memcpy(name, at + 1, length);
        name[length] = '\0';
        ASSERT(named_network_value(network, name, value));
        mem_append(text, "%.*s%s", (int)(at - line), line, value);
        line = at + length + 2;
    }
    mem_append(text, "%s\n", line);
}

char *named_network_text(const struct named_network *network)
{
    static const char only[] = "@only ", end[] = "@end";
    const char *family = named_network_family(network->family);
    ASSERT(family);
    char *copy = mem_strdup(family), *rest = copy, *line, *text = mem_strdup("");
    char value[SPEC_WORD];
    bool stays = true;
    while ((line = strsep(&rest, "\n")) != NULL && rest) {
        if (strncmp(line, only, strlen(only)) == 0)
            stays = named_network_value(network, line + strlen(only), value);
        else if (strcmp(line, end) == 0)
            stays = true;
        else if (stays)
            named_network_append(&text, network, line);
    }
    free(copy);
    return text;
}
