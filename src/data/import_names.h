/*
 * import_names: finds names of classes, which keep their order of arrival, by binary
 * search: tables and lists may have thousands of classes and millions of rows.
 */
#ifndef LOCKSTEP_DATA_IMPORT_NAMES_H
#define LOCKSTEP_DATA_IMPORT_NAMES_H

#include <stddef.h>

/* The numbers 0..count-1 of names, sorted by name; zero-initialised. The names are the
   caller's, who passes the same list each time. */
struct import_names {
    int *number; /* owned */
    int count, room;
    int found; /* the number found last: rows of a class often follow each other */
};

void import_names_release(struct import_names *names);

/* The number of the name that is text[0..length), or -1. */
int import_names_find(struct import_names *names, char *const *name, const char *text,
                      size_t length);

/* Adds name[count], which is not among those before. */
void import_names_add(struct import_names *names, char *const *name);

/* Number i is now[i] from here on. */
void import_names_renumber(struct import_names *names, const int *now);

#endif
