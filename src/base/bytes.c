#include "base/bytes.h"

#include <stdio.h>

struct bytes_text bytes_text(double bytes)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB", "EB"};
    enum { LAST = sizeof units / sizeof units[0] - 1 };
    struct bytes_text text;
    int unit = 0;
    /* 999.5 would be printed as 1000 */
    for (; bytes >= 999.5 && unit < LAST; unit++)
        bytes /= 1000;
    int decimals = unit == 0 || bytes >= 99.95 ? 0 : bytes >= 9.995 ? 1 : 2;
    snprintf(text.text, sizeof text.text, "%.*f %s", decimals, bytes, units[unit]);
    return text;
}
