#include "predict_names.h"

#include <stdlib.h>

enum status predict_names_next(struct predict_names *names, char **name)
{
    if (names->next < names->returned_count) {
        *name = names->returned[names->next];
        names->returned[names->next++] = NULL;
        return ST_OK;
    }
    TRY(picture_names_next(&names->source, name));
    names->any = names->any || *name;
    return ST_OK;
}

void predict_names_return(struct predict_names *names, char **name, int count)
{
    names->returned = name;
    names->returned_count = count;
    names->next = 0;
}

void predict_names_close(struct predict_names *names)
{
    for (int i = names->next; i < names->returned_count; i++)
        free(names->returned[i]);
    free(names->returned);
    picture_names_close(&names->source);
    *names = (struct predict_names){0};
}
