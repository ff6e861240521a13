#include "option_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"

#define NUMBER_MOST (1 << 20)

enum status option_list_read(const char *option, const char *text,
                             struct option_list *list)
{
    char *copy = mem_strdup(text), *rest = copy;
    list->count = 0;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        long long value;
        if (list->count == OPTION_LIST || !parse_int(word, 1, NUMBER_MOST, &value)) {
            free(copy);
            FAIL(ST_USAGE, "'--%s %s': expected numbers from 1, with commas", option,
                 text);
        }
        list->value[list->count++] = (int)value;
    }
    free(copy);
    return ST_OK;
}
