/*
 * parse: strict parsers of single values, and what messages say of words: "did you mean"
 * and the list of those that are known.
 */
#ifndef LOCKSTEP_BASE_PARSE_H
#define LOCKSTEP_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole text must be one value of the kind and in range; otherwise they return false
   and leave *out unchanged. Reals must be finite. */
bool parse_int(const char *text, long long lo, long long hi, long long *out);

/* The sides of an image: "28" (both) or "32x24" (height, width), each in [lo, hi]. */
bool parse_size(const char *text, int lo, int hi, int *h, int *w);
bool parse_u64(const char *text, uint64_t *out);
bool parse_real(const char *text, double lo, double hi, double *out);
/* on off true false yes no 1 0 */
bool parse_bool(const char *text, bool *out);

/* A time as SLURM writes it: M, M:S, H:M:S, D-H, D-H:M or D-H:M:S. */
bool parse_duration(const char *text, double *seconds);

/* Removes blanks at both ends, in place; returns the first non-blank. */
char *parse_trim(char *text);

/* The entry of names[0..count) nearest to `text` (Damerau-Levenshtein distance of small
   letters without '-' and '_'), or NULL if none is near enough to be a likely typing
   error. */
const char *parse_nearest(const char *text, const char *const names[], int count);
/* Are they the same, or does the name begin with the text? Small letters are equal to
   large ones, '-' and '_' do not count; no name begins with a text that is empty. */
bool parse_same(const char *a, const char *b);
bool parse_begins(const char *name, const char *text);

#define PARSE_CHOICES 256 /* bytes of a list of words; longer ones are cut */

/* For messages: "off, on or bias". Returns the text. */
const char *parse_choices(const char *const words[], int count, char text[PARSE_CHOICES]);

#endif
