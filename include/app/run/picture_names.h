/*
 * picture_names: the names of pictures, one after the other, from the command line, from
 * folders, from a list in a file, and from stdin. Only the names of one folder are in
 * memory at a time.
 *
 *   struct picture_names names;
 *   TRY(picture_names_open(&names, operand, count, from));
 *   while ((st = picture_names_next(&names, &name)) == ST_OK && name) ...
 *   picture_names_close(&names);
 */
#ifndef LOCKSTEP_APP_RUN_PICTURE_NAMES_H
#define LOCKSTEP_APP_RUN_PICTURE_NAMES_H

#include <stdio.h>

#include "base/status.h"

struct picture_names {
    /* private: */
    const char *const *operand; /* names that are next */
    int operands;
    const char *folder;     /* `from` */
    FILE *lines;            /* then: one name in each line; NULL: none */
    const char *lines_name; /* in messages */
    char **listed;          /* owned: the pictures of the folder that was named last */
    int listed_count, listed_next;
};

/* operand: (operands) names. `from`, if it is not NULL, replaces them: a folder, a file
   with a name in each line, or "-", names on stdin. The name of a folder stands for the
   pictures in it and in all folders in it, in order of their names; other files there are
   passed over with a note. Borrows the texts. */
enum status picture_names_open(struct picture_names *names, const char *const *operand,
                               int operands, const char *from) MUST_CHECK;

/* *name: the next one, which the caller frees; NULL after the last one. */
enum status picture_names_next(struct picture_names *names, char **name) MUST_CHECK;
void picture_names_close(struct picture_names *names);

#endif
