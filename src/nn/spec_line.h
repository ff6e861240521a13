/* spec_line: a line of a spec as words. A line is text that its owner changes in place.
 */
#ifndef LOCKSTEP_NN_SPEC_LINE_H
#define LOCKSTEP_NN_SPEC_LINE_H

#include <stdbool.h>

#include "base/status.h"

#define SPEC_WORD 128 /* bytes of a word; longer ones are cut */

/* Copies the next word of *text, cut to fit, and moves *text behind it; false at the end.
 */
bool spec_next_word(const char **text, char word[SPEC_WORD]);

/* Moves the option "key=value" out of the line. False: there is none. */
bool spec_take_option(char *line, const char *key, char value[SPEC_WORD]);

/* A letter or '_', then letters, digits, '.', '_' and '-'; not too long for a layer. */
bool spec_name_good(const char *name);

/* Replaces each $NAME in the line by value(context, NAME); the caller frees. A value that
   is NULL has been reported: the result is NULL. */
char *spec_substitute(const char *line,
                      const char *(*value)(void *context, const char *name),
                      void *context);

#endif
