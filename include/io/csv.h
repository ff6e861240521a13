/*
 * csv: fields of tables that other programs read (RFC 4180).
 */
#ifndef LOCKSTEP_IO_CSV_H
#define LOCKSTEP_IO_CSV_H

#include <stdio.h>

/* Writes the text in quotes, the quotes in it doubled. */
void csv_write_text(FILE *file, const char *text);

/* Writes the number in as few digits as give the same double again. */
void csv_write_number(FILE *file, double number);

#endif
