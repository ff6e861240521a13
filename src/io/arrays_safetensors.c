/* safetensors: 8 bytes of length (little-endian), a JSON object of that length, data.
   {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [BEGIN, END]}, ...,
   "__metadata__": {"KEY": "TEXT", ...}}; offsets count from the first byte of the
   data. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arrays_impl.h"
#include "base/mem.h"

#define TENSORS_PREFIX 8 /* bytes of the header's length */
#define TENSORS_TYPE   20

struct tensors {
    int fd;
    size_t data, data_bytes; /* where the data begin in the file; how many there are */
};

static const struct tensors_type {
    const char *name;
    enum array_type type;
} tensors_types[] = {
    {"F64", ARRAY_F64},
    {"F32", ARRAY_F32},
    {"F16", ARRAY_F16},
    {"BF16", ARRAY_BF16},
};

/* As types are named: "F8_E4M3". */
static bool tensors_is_type(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= TENSORS_TYPE &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == length;
}

static enum array_type tensors_type_of(const char *name)
{
    for (size_t i = 0; i < sizeof tensors_types / sizeof *tensors_types; i++)
        if (strcmp(tensors_types[i].name, name) == 0)
            return tensors_types[i].type;
    return ARRAY_OTHER;
}

static enum status tensors_read_bytes(const struct arrays *file, size_t offset,
                                      void *data, size_t bytes)
{
    const struct tensors *tensors = file->source;
    char *to = data;
    while (bytes > 0) {
        ssize_t got = pread(tensors->fd, to, bytes, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            FAIL(ST_FAIL, "cannot read '%s': %s", file->path, strerror(errno));
        if (got == 0)
            FAIL(ST_FAIL, "cannot read '%s': the file has become shorter", file->path);
        to += got;
        offset += (size_t)got;
        bytes -= (size_t)got;
    }
    return ST_OK;
}

/* A value of JSON takes up to 300 bytes of memory, and 2 of the file: no more of them
   than files of ARRAYS_MAX arrays have. */
static bool tensors_is_modest(const char *text, size_t bytes)
{
    size_t commas = 0, lists = 0, objects = 0;
    bool inside = false; /* a string */
    for (size_t i = 0; i < bytes; i++) {
        if (inside && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            inside = !inside;
        else if (!inside) {
            commas += text[i] == ',';
            lists += text[i] == '[';
            objects += text[i] == '{';
        }
    }
    return commas <= (size_t)(ARRAYS_DIMS + 4) * ARRAYS_MAX &&
           lists <= (size_t)2 * ARRAYS_MAX && objects <= (size_t)ARRAYS_MAX + 2;
}

/* *header is the caller's: json_decref. */
static enum status tensors_parse(const struct arrays *file, const char *text,
                                 size_t bytes, json_t **header)
{
    json_error_t error;
    if (!tensors_is_modest(text, bytes))
        FAIL(ST_FAIL, "'%s' holds more than %d arrays", file->path, ARRAYS_MAX);
    *header = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &error);
    if (*header)
        return ST_OK;
    if (json_error_code(&error) == json_error_duplicate_key)
        FAIL(ST_FAIL, "'%s' is damaged: its header has a key twice", file->path);
    FAIL(ST_FAIL, "'%s' is damaged: its header is not JSON (near byte %d of it)",
         file->path, error.position);
}

/* The header's length, which lies in the file. */
static enum status tensors_measure(struct arrays *file, size_t *length)
{
    uint8_t prefix[TENSORS_PREFIX];
    struct tensors *tensors = file->source;
    if (file->bytes < sizeof prefix)
        FAIL(ST_FAIL, "'%s' is cut short: it has %zu bytes", file->path, file->bytes);
    TRY(tensors_read_bytes(file, 0, prefix, sizeof prefix));
    *length = 0;
    for (int i = TENSORS_PREFIX - 1; i >= 0; i--)
        *length = *length << 8 | prefix[i];
    if (*length > ARRAYS_HEADER)
        FAIL(ST_FAIL,
             "'%s' is damaged: its header has %zu bytes; at most %u are possible",
             file->path, *length, ARRAYS_HEADER);
    if (*length > file->bytes - sizeof prefix)
        FAIL(ST_FAIL,
             "'%s' is cut short: its header has %zu bytes, and the file %zu in all",
             file->path, *length, file->bytes);
    tensors->data = sizeof prefix + *length;
    tensors->data_bytes = file->bytes - tensors->data;
    return ST_OK;
}

static enum status tensors_read_header(struct arrays *file, json_t **header)
{
    size_t length = 0;
    TRY(tensors_measure(file, &length));
    char *text = mem_zeroed(length + 1, 1);
    enum status st = tensors_read_bytes(file, TENSORS_PREFIX, text, length);
    if (st == ST_OK)
        st = tensors_parse(file, text, length, header);
    free(text);
    return st;
}

/* A list of at most `most` integers, none less than 0; -1 if it is none. */
static int tensors_sizes(const json_t *list, int most, size_t *sizes)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > (size_t)most)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const json_t *number = json_array_get(list, i);
        if (!json_is_integer(number) || json_integer_value(number) < 0)
            return -1;
        sizes[i] = (size_t)json_integer_value(number);
    }
    return (int)count;
}

/* The type, the place in the file, and whether both fit the shape. */
static enum status tensors_place(const struct arrays *file, struct arrays_entry *entry,
                                 const char *type, size_t begin, size_t end)
{
    const struct tensors *tensors = file->source;
    const struct array *array = &entry->array;
    size_t bytes;
    entry->array.type = tensors_type_of(type);
    entry->stored = mem_strdup(type);
    if (begin > end || end > tensors->data_bytes)
        FAIL(ST_FAIL,
             "'%s' is damaged or cut short: array '%s' is bytes %zu to %zu of its %zu "
             "bytes of data",
             file->path, array->name, begin, end, tensors->data_bytes);
    entry->offset = tensors->data + begin;
    entry->bytes = end - begin;
    if (array->type == ARRAY_OTHER)
        return ST_OK;
    if (__builtin_mul_overflow(array->count, arrays_type_size(array->type), &bytes) ||
        bytes != entry->bytes)
        FAIL(ST_FAIL,
             "'%s' is damaged: array '%s' has %zu numbers of type %s, and %zu bytes",
             file->path, array->name, array->count, entry->stored, entry->bytes);
    return ST_OK;
}

static enum status tensors_add(struct arrays *file, const char *name, const json_t *value)
{
    struct arrays_entry *entry;
    size_t dim[ARRAYS_DIMS] = {0}, range[2] = {0};
    const json_t *shape = json_object_get(value, "shape");
    const char *type = json_string_value(json_object_get(value, "dtype"));
    int dims = tensors_sizes(shape, ARRAYS_DIMS, dim);
    int ends = tensors_sizes(json_object_get(value, "data_offsets"), 2, range);
    if (json_array_size(shape) > ARRAYS_DIMS)
        dims = (int)json_array_size(shape); /* which arrays_add refuses */
    if (!type || !tensors_is_type(type) || dims < 0 || ends != 2)
        FAIL(ST_FAIL,
             "'%s' is damaged: an array has no dtype, shape or data_offsets as "
             "safetensors files have them",
             file->path);
    TRY(arrays_add(file, name, dims, dim, &entry));
    return tensors_place(file, entry, type, range[0], range[1]);
}

static void tensors_close(struct arrays *file)
{
    struct tensors *tensors = file->source;
    close(tensors->fd);
    free(tensors);
}

static enum status tensors_open(struct arrays *file)
{
    struct stat s;
    json_t *header = NULL, *value;
    const char *name;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) != 0) {
        enum status st =
            status_fail(ST_FAIL, "cannot open '%s': %s", file->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return st;
    }
    struct tensors *tensors = mem_zeroed(1, sizeof *tensors);
    tensors->fd = fd;
    file->source = tensors;
    file->bytes = (size_t)s.st_size;
    TRY(tensors_read_header(file, &header));
    enum status st = ST_OK;
    json_object_foreach(header, name, value)
    {
        if (strcmp(name, "__metadata__") != 0)
            st = tensors_add(file, name, value);
        if (st != ST_OK)
            break;
    }
    json_decref(header);
    return st;
}

static enum status tensors_read(struct arrays *file, const struct arrays_entry *entry,
                                float *values)
{
    struct arrays_fill fill;
    size_t size = arrays_type_size(entry->array.type);
    uint8_t *block = mem_zeroed(ARRAYS_BLOCK, 1);
    enum status st = ST_OK;
    arrays_fill_begin(&fill, entry, values);
    while (fill.done < entry->array.count && st == ST_OK) {
        size_t at = fill.done * size, bytes = entry->bytes - at;
        if (bytes > ARRAYS_BLOCK)
            bytes = ARRAYS_BLOCK;
        st = tensors_read_bytes(file, entry->offset + at, block, bytes);
        if (st == ST_OK)
            arrays_fill_add(&fill, block, bytes / size);
    }
    free(block);
    return st;
}

const struct arrays_format arrays_format_safetensors = {
    .name = "safetensors",
    .kind = KIND_SAFETENSORS,
    .open = tensors_open,
    .read = tensors_read,
    .close = tensors_close,
};
