/*
 * csv: fields of tables that other programs read (RFC 4180).
 */
#ifndef LOCKSTEP_IO_CSV_H
#define LOCKSTEP_IO_CSV_H

#include <stdio.h>

/* Writes the text in quotes, the quotes in it doubled. */
void csv_write_text(FILE *file, const char *text);

#endif
