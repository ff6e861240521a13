#include "io/csv.h"

#include <math.h>
#include <stdlib.h>

void csv_write_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

void csv_write_number(FILE *file, double number)
{
    enum { LEAST = 6, MOST = 17 };
    char text[40];
    if (isnan(number)) { /* some systems print its sign */
        fputs("nan", file);
        return;
    }
    for (int digits = LEAST; digits <= MOST; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    fputs(text, file);
}
