/* The header of a .npy file: "\x93NUMPY", version, length, and a Python dict as text:
   {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, blanks, a newline. Source:
   numpy.lib.format. The text is not run, as Python would: these three keys, each once,
   are all that is understood. */
#include <ctype.h>
#include <string.h>

#include "arrays_impl.h"

struct npy_text {
    const char *at, *end;
    const char *wrong; /* what is said if it is not understood */
};

const char *npy_prefix(const uint8_t *prefix, size_t *begin, size_t *bytes)
{
    if (memcmp(prefix, "\223NUMPY", 6) != 0)
        return "does not begin as a .npy file";
    if (prefix[6] < 1 || prefix[6] > 3 || prefix[7] != 0)
        return "is of a version of the .npy format other than 1.0, 2.0 and 3.0";
    *begin = prefix[6] == 1 ? 10 : 12;
    *bytes = prefix[8] | (size_t)prefix[9] << 8;
    if (prefix[6] > 1)
        *bytes |= (size_t)prefix[10] << 16 | (size_t)prefix[11] << 24;
    return *bytes > NPY_HEADER ? "has a header of more than 10000 bytes" : NULL;
}

static void npy_skip_blanks(struct npy_text *text)
{
    while (text->at < text->end && isspace((unsigned char)*text->at))
        text->at++;
}

/* Passes the character, and the blanks before it, if it is next. */
static bool npy_take(struct npy_text *text, char character)
{
    npy_skip_blanks(text);
    if (text->at == text->end || *text->at != character)
        return false;
    text->at++;
    return true;
}

static bool npy_take_word(struct npy_text *text, const char *word)
{
    size_t length = strlen(word);
    npy_skip_blanks(text);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    return true;
}

/* A string in quotes of either kind, without escapes. */
static bool npy_take_string(struct npy_text *text, char *string, size_t room)
{
    npy_skip_blanks(text);
    if (text->at == text->end || (*text->at != '\'' && *text->at != '"'))
        return false;
    const char *begin = text->at + 1;
    const char *end = memchr(begin, *text->at, (size_t)(text->end - begin));
    size_t length = end ? (size_t)(end - begin) : 0;
    if (!end || length >= room || memchr(begin, '\\', length))
        return false;
    memcpy(string, begin, length);
    string[length] = '\0';
    text->at = end + 1;
    return true;
}

static bool npy_take_size(struct npy_text *text, size_t *size)
{
    npy_skip_blanks(text);
    const char *begin = text->at;
    *size = 0;
    for (; text->at < text->end && isdigit((unsigned char)*text->at); text->at++)
        if (__builtin_mul_overflow(*size, (size_t)10, size) ||
            __builtin_add_overflow(*size, (size_t)(*text->at - '0'), size)) {
            text->wrong = "is impossibly large";
            return false;
        }
    if (text->at == begin)
        return false;
    if (text->at < text->end && *text->at == 'L') /* of Python 2 */
        text->at++;
    return true;
}

/* (), (2,), (2, 3) or (2, 3,) */
static bool npy_take_shape(struct npy_text *text, struct npy_header *header)
{
    bool comma = true;
    if (!npy_take(text, '('))
        return false;
    for (header->dims = 0; !npy_take(text, ')'); header->dims++) {
        if (header->dims == ARRAYS_DIMS) {
            text->wrong = "has more than 8 dimensions";
            return false;
        }
        if (!comma || !npy_take_size(text, &header->dim[header->dims]))
            return false;
        comma = npy_take(text, ',');
    }
    return header->dims != 1 || comma; /* (2) is a number */
}

/* '<f4': the order of bytes, a letter, and bytes. */
static bool npy_is_type(const char *type)
{
    for (const char *c = type; *c; c++)
        if (!isgraph((unsigned char)*c))
            return false;
    return *type && strchr("<>|=", *type) && isalpha((unsigned char)type[1]);
}

static bool npy_take_type(struct npy_text *text, struct npy_header *header)
{
    char *type = header->stored;
    if (npy_take(text, '[')) {
        text->wrong = "has numbers with names in it (a structured type)";
        return false;
    }
    if (!npy_take_string(text, type, NPY_TYPE) || !npy_is_type(type))
        return false;
    if (type[1] == 'O') {
        text->wrong =
            "has Python objects in it, a pickle, which can run any program when "
            "it is read";
        return false;
    }
    header->big_endian = type[0] == '>';
    header->type = ARRAY_OTHER;
    if (type[0] != '<' && type[0] != '>')
        return true;
    if (strcmp(type + 1, "f8") == 0)
        header->type = ARRAY_F64;
    if (strcmp(type + 1, "f4") == 0)
        header->type = ARRAY_F32;
    if (strcmp(type + 1, "f2") == 0)
        header->type = ARRAY_F16;
    return true;
}

static bool npy_take_order(struct npy_text *text, struct npy_header *header)
{
    header->fortran = npy_take_word(text, "True");
    return header->fortran || npy_take_word(text, "False");
}

static const struct npy_key {
    const char *name;
    bool (*take)(struct npy_text *text, struct npy_header *header);
} npy_keys[] = {
    {"descr", npy_take_type},
    {"fortran_order", npy_take_order},
    {"shape", npy_take_shape},
};
#define NPY_KEYS (int)(sizeof npy_keys / sizeof *npy_keys)

/* A key that was not seen before, and its value. */
static bool npy_take_pair(struct npy_text *text, struct npy_header *header,
                          bool seen[NPY_KEYS])
{
    char name[NPY_TYPE];
    int key = 0;
    if (!npy_take_string(text, name, sizeof name) || !npy_take(text, ':'))
        return false;
    while (key < NPY_KEYS && strcmp(npy_keys[key].name, name) != 0)
        key++;
    if (key == NPY_KEYS || seen[key])
        return false;
    seen[key] = true;
    return npy_keys[key].take(text, header);
}

const char *npy_parse(struct npy_header *header, const char *text, size_t bytes)
{
    struct npy_text rest = {text, text + bytes, "has a header that NumPy does not write"};
    bool seen[NPY_KEYS] = {false}, comma = true;
    *header = (struct npy_header){0};
    if (!npy_take(&rest, '{'))
        return rest.wrong;
    while (!npy_take(&rest, '}')) {
        if (!comma || !npy_take_pair(&rest, header, seen))
            return rest.wrong;
        comma = npy_take(&rest, ',');
    }
    npy_skip_blanks(&rest);
    return seen[0] && seen[1] && seen[2] && rest.at == rest.end ? NULL : rest.wrong;
}
