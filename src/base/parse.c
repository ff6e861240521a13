#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool parse_int(const char *text, long long lo, long long hi, long long *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || isspace((unsigned char)*text) || errno || value < lo ||
        value > hi)
        return false;
    *out = value;
    return true;
}

bool parse_u64(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    if (!isdigit((unsigned char)*text))
        return false;
    unsigned long long value = strtoull(text, &end, 10);
    if (*end || errno)
        return false;
    *out = value;
    return true;
}

bool parse_real(const char *text, double lo, double hi, double *out)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || isspace((unsigned char)*text) || !isfinite(value) ||
        value < lo || value > hi)
        return false;
    *out = value;
    return true;
}

bool parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"on", "true", "yes", "1"};
    static const char *const no[] = {"off", "false", "no", "0"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *out = strcmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

bool parse_size(const char *text, int lo, int hi, int *h, int *w)
{
    char copy[32] = "";
    long long rows, columns;
    if (strlen(text) >= sizeof copy)
        return false;
    memcpy(copy, text, strlen(text));
    char *cross = strchr(copy, 'x');
    if (cross)
        *cross = '\0';
    if (!parse_int(copy, lo, hi, &rows) ||
        !parse_int(cross ? cross + 1 : copy, lo, hi, &columns))
        return false;
    *h = (int)rows;
    *w = (int)columns;
    return true;
}

/* Parses decimal digits at *text and moves *text past them. */
static bool parse_digits(const char **text, double *value)
{
    size_t digits = strspn(*text, "0123456789");
    if (digits == 0 || digits > 9)
        return false;
    *value = 0;
    for (size_t i = 0; i < digits; i++)
        *value = 10 * *value + (*(*text)++ - '0');
    return true;
}

bool parse_duration(const char *text, double *seconds)
{
    double part[3], days = 0, unit = 60;
    int parts = 0;
    bool dash = strchr(text, '-') != NULL;
    if (dash && (!parse_digits(&text, &days) || *text++ != '-'))
        return false;
    do {
        if (parts == 3 || !parse_digits(&text, &part[parts++]))
            return false;
    } while (*text == ':' && text++);
    if (*text)
        return false;
    if (dash || parts == 3)
        unit = 3600;
    double sum = 86400 * days;
    for (int i = 0; i < parts; i++, unit /= 60)
        sum += part[i] * unit;
    *seconds = sum;
    return true;
}

char *parse_trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        text[--n] = '\0';
    return text;
}

#define WORD 48 /* characters that are compared, at most */

/* Damerau-Levenshtein distance with transpositions of adjacent characters only. */
static int parse_distance(const char *a, const char *b)
{
    int d[WORD + 1][WORD + 1];
    int m = (int)strnlen(a, WORD), n = (int)strnlen(b, WORD);
    for (int i = 0; i <= m; i++)
        d[i][0] = i;
    for (int j = 0; j <= n; j++)
        d[0][j] = j;
    for (int i = 1; i <= m; i++) {
        for (int j = 1; j <= n; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[m][n];
}

/* The beginning of a word in small letters, without '-' and '_'. */
static void parse_fold(const char *text, char word[WORD + 1])
{
    int used = 0;
    for (; *text && used < WORD; text++)
        if (*text != '-' && *text != '_')
            word[used++] = (char)tolower((unsigned char)*text);
    word[used] = '\0';
}

bool parse_same(const char *a, const char *b)
{
    char one[WORD + 1], other[WORD + 1];
    parse_fold(a, one);
    parse_fold(b, other);
    return strcmp(one, other) == 0;
}

bool parse_begins(const char *name, const char *text)
{
    char whole[WORD + 1], begin[WORD + 1];
    parse_fold(name, whole);
    parse_fold(text, begin);
    return *begin && strncmp(whole, begin, strlen(begin)) == 0;
}

const char *parse_nearest(const char *text, const char *const names[], int count)
{
    const char *best = NULL;
    char word[WORD + 1], name[WORD + 1];
    parse_fold(text, word);
    int best_distance = 1 + (int)strlen(word) / 3;
    for (int i = 0; i < count; i++) {
        parse_fold(names[i], name);
        int d = parse_distance(word, name);
        if (d < best_distance || (d == best_distance && !best)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

const char *parse_choices(const char *const words[], int count, char text[PARSE_CHOICES])
{
    *text = '\0';
    for (int i = 0, used = 0; i < count && used < PARSE_CHOICES; i++)
        used += snprintf(text + used, (size_t)(PARSE_CHOICES - used), "%s%s",
                         i == 0           ? ""
                         : i + 1 == count ? " or "
                                          : ", ",
                         words[i]);
    return text;
}
