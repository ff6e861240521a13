/* spec_line: a line of a spec as words. A line is text that its owner changes in
   place. */
#ifndef LOCKSTEP_NN_SPEC_LINE_H
#define LOCKSTEP_NN_SPEC_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define SPEC_WORD 128 /* bytes of a word */

/* ST_USAGE, with a message that begins with where, if a word of the text is too long. */
enum status spec_check_words(const char *text, const char *where) MUST_CHECK;
/* The same of one word. */
enum status spec_check_word(const char *word, size_t length,
                            const char *where) MUST_CHECK;

/* Copies the next word of *text, cut to fit, and moves *text behind it; false at the
   end. */
bool spec_next_word(const char **text, char word[SPEC_WORD]);
/* The next word of *line in place, of any length, and moves *line behind it; NULL at the
   end. */
char *spec_cut_word(char **line);

/* Moves the option "key=value" out of the line, *given: if it is there. ST_USAGE if it is
   too long; other words of the line may be. */
enum status spec_take_option(char *line, const char *where, const char *key,
                             char value[SPEC_WORD], bool *given) MUST_CHECK;

/* A letter or '_', then letters, digits, '.', '_' and '-'; not too long for a layer. */
bool spec_name_good(const char *name);

/* The nearest of names[0..count) to a word that is none of them: what the word is called
   here if PyTorch, Keras or Caffe have it, or what is spelled like it; NULL: nothing. */
const char *spec_nearest(const char *word, const char *const names[], int count);

/* Replaces each $NAME in the line by value(context, NAME); the caller frees. A value that
   is NULL has been reported: the result is NULL. */
char *spec_substitute(const char *line,
                      const char *(*value)(void *context, const char *name),
                      void *context);

#endif
