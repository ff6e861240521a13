#include "io/text.h"

#include <stdlib.h>
#include <string.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/mem.h"

char *text_nfc(const char *text)
{
    size_t length = strlen(text), bytes;
    const char *c = text;
    while (*c && (unsigned char)*c < 0x80)
        c++;
    if (!*c || !text_is_whole_utf8(text)) /* ASCII, or what u8_normalize would change */
        return mem_strdup(text);
    uint8_t *normal =
        u8_normalize(UNINORM_NFC, (const uint8_t *)text, length, NULL, &bytes);
    if (!normal)
        return mem_strdup(text);
    char *copy = mem_zeroed(bytes + 1, 1);
    memcpy(copy, normal, bytes);
    free(normal);
    return copy;
}

bool text_is_utf8(const char *text, size_t bytes)
{
    const uint8_t *data = (const uint8_t *)text;
    const uint8_t *bad = u8_check(data, bytes);
    ucs4_t character;
    return !bad || u8_mbtoucr(&character, bad, bytes - (size_t)(bad - data)) == -2;
}

bool text_is_whole_utf8(const char *text)
{
    return !u8_check((const uint8_t *)text, strlen(text));
}

char *text_as_utf8(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    const size_t wide = sizeof replacement - 1;
    char *copy = mem_zeroed(wide * strlen(text) + 1, 1), *to = copy;
    while (*text) {
        const uint8_t *from = (const uint8_t *)text;
        const uint8_t *bad = u8_check(from, strlen(text));
        size_t whole = bad ? (size_t)(bad - from) : strlen(text);
        memcpy(to, text, whole);
        to += whole;
        text += whole;
        if (!bad)
            break;
        memcpy(to, replacement, wide);
        to += wide;
        text++;
    }
    return copy;
}
