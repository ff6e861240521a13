/* .npz: a zip archive of .npy files; an array's name is the file's without ".npy". */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "arrays_impl.h"
#include "base/mem.h"

#define NPZ_DIRECTORY ((size_t)1 << 20) /* bytes: some 10,000 arrays */
#define NPZ_TAIL      (65535 + 22 + 20) /* bytes in which libzip looks for its place */
#define NPZ_ENTRY     46                /* bytes of an entry of the directory, at least */
#define NPZ_RATIO     1032              /* deflate: a byte unpacks to no more bytes */

/* --- before libzip --- */

static uint64_t npz_number(const uint8_t *bytes, int size)
{
    uint64_t number = 0;
    while (size-- > 0)
        number = number << 8 | bytes[size];
    return number;
}

/* The directory's size, if libzip may take this for its end record. `at` is its place in
   the file. */
static size_t npz_directory(const uint8_t *record, size_t at)
{
    size_t size = npz_number(record + 12, 4), offset = npz_number(record + 16, 4);
    return offset + size <= at ? size : 0;
}

/* The same of a zip64 locator. */
static size_t npz_directory_64(int fd, const uint8_t *locator)
{
    uint8_t record[56];
    uint64_t at = npz_number(locator + 8, 8);
    if (at > INT64_MAX || pread(fd, record, sizeof record, (off_t)at) != sizeof record ||
        memcmp(record, "PK\6\6", 4) != 0)
        return 0;
    uint64_t entries = npz_number(record + 32, 8), size = npz_number(record + 40, 8);
    return entries > NPZ_DIRECTORY / NPZ_ENTRY ? SIZE_MAX : size;
}

/* libzip allocates memory for as many entries as a record announces, and takes quadratic
   time for names with the same hash: directories are limited before it sees them. */
static bool npz_is_modest(int fd, const uint8_t *tail, size_t bytes, size_t begin)
{
    for (size_t i = 0; i + 22 <= bytes; i++) {
        size_t size = 0;
        if (tail[i] != 'P' || tail[i + 1] != 'K')
            continue;
        if (memcmp(tail + i, "PK\5\6", 4) == 0)
            size = npz_directory(tail + i, begin + i);
        else if (memcmp(tail + i, "PK\6\7", 4) == 0)
            size = npz_directory_64(fd, tail + i);
        if (size > NPZ_DIRECTORY)
            return false;
    }
    return true;
}

static enum status npz_check_directory(const struct arrays *file)
{
    size_t bytes = file->bytes < NPZ_TAIL ? file->bytes : NPZ_TAIL;
    size_t begin = file->bytes - bytes;
    enum status st = ST_OK;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        FAIL(ST_FAIL, "cannot open '%s': %s", file->path, strerror(errno));
    uint8_t *tail = mem_zeroed(bytes + 1, 1);
    ssize_t got = pread(fd, tail, bytes, (off_t)begin);
    if (got < 0)
        st = status_fail(ST_FAIL, "cannot read '%s': %s", file->path, strerror(errno));
    else if (!npz_is_modest(fd, tail, (size_t)got, begin))
        st = status_fail(ST_FAIL,
                         "'%s' has a directory of more than 1 MB, or a damaged one; "
                         "archives of up to some 10,000 arrays can be read",
                         file->path);
    free(tail);
    close(fd);
    return st;
}

/* --- members --- */

static bool npz_ends(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

/* Without a message if the file ends before. */
static bool npz_take(zip_file_t *member, void *data, size_t bytes)
{
    uint8_t *to = data;
    while (bytes > 0) {
        zip_int64_t got = zip_fread(member, to, bytes);
        if (got <= 0)
            return false;
        to += got;
        bytes -= (size_t)got;
    }
    return true;
}

static enum status npz_open_member(struct arrays *file, size_t i, zip_file_t **member)
{
    *member = zip_fopen_index(file->source, i, 0);
    if (!*member)
        FAIL(ST_FAIL, "cannot read '%s': %s", file->path, zip_strerror(file->source));
    return ST_OK;
}

/* NULL, or what is wrong with it. *left: the bytes that the whole member may still
   have. */
static const char *npz_judge(const zip_stat_t *s, size_t *left)
{
    const zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    if ((s->valid & needed) != needed)
        return "has an incomplete entry in the archive";
    if (s->encryption_method != ZIP_EM_NONE)
        return "is encrypted";
    if (s->comp_method != ZIP_CM_STORE && s->comp_method != ZIP_CM_DEFLATE)
        return "is compressed in another way than deflate";
    if (s->comp_size > *left)
        return "has more bytes than the archive, or lies over another";
    *left -= s->comp_size;
    if (s->comp_method == ZIP_CM_STORE && s->size != s->comp_size)
        return "has two sizes";
    if (s->size / NPZ_RATIO > s->comp_size)
        return "would unpack to more than a thousand times its bytes";
    return NULL;
}

/* NULL, or what is wrong. *head: bytes of the header and before it. */
static const char *npz_read_header(zip_file_t *member, struct npy_header *header,
                                   size_t *head)
{
    static const char cut[] = "is damaged or cut short";
    uint8_t prefix[NPY_PREFIX];
    char text[NPY_HEADER];
    size_t begin, bytes;
    if (!npz_take(member, prefix, sizeof prefix))
        return cut;
    const char *wrong = npy_prefix(prefix, &begin, &bytes);
    if (wrong)
        return wrong;
    size_t early = sizeof prefix - begin; /* bytes of the text that were read with it */
    if (bytes < early)
        return cut;
    memcpy(text, prefix + begin, early);
    if (!npz_take(member, text + early, bytes - early))
        return cut;
    *head = begin + bytes;
    return npy_parse(header, text, bytes);
}

static enum status npz_add(struct arrays *file, const zip_stat_t *s,
                           const struct npy_header *header, size_t head, const char *name)
{
    struct arrays_entry *entry;
    size_t bytes;
    TRY(arrays_add(file, name, header->dims, header->dim, &entry));
    entry->array.type = header->type;
    entry->stored = mem_strdup(header->stored);
    entry->offset = entry->member = s->index;
    entry->head = head;
    entry->big_endian = header->big_endian;
    entry->fortran = header->fortran;
    if (header->type != ARRAY_OTHER &&
        (__builtin_mul_overflow(entry->array.count, arrays_type_size(header->type),
                                &bytes) ||
         s->size < head || bytes != s->size - head))
        FAIL(ST_FAIL,
             "'%s' is damaged: array '%s' has %zu numbers of type %s, and %zu bytes",
             file->path, name, entry->array.count, header->stored, (size_t)s->size);
    return ST_OK;
}

static enum status npz_open_array(struct arrays *file, size_t i, size_t *left)
{
    zip_stat_t s;
    zip_file_t *member;
    struct npy_header header;
    size_t head = 0;
    zip_stat_init(&s);
    if (zip_stat_index(file->source, i, 0, &s) != 0)
        FAIL(ST_FAIL, "cannot read '%s': %s", file->path, zip_strerror(file->source));
    const char *wrong = npz_judge(&s, left);
    char *name = mem_format("%.*s", (int)(strlen(s.name) - strlen(".npy")), s.name);
    enum status st = arrays_check_name(file, name);
    if (st == ST_OK && !wrong)
        st = npz_open_member(file, i, &member);
    if (st == ST_OK && !wrong) {
        wrong = npz_read_header(member, &header, &head);
        zip_fclose(member);
    }
    if (st == ST_OK && wrong)
        st = status_fail(ST_FAIL, "array '%s' of '%s' %s", name, file->path, wrong);
    else if (st == ST_OK)
        st = npz_add(file, &s, &header, head, name);
    free(name);
    return st;
}

/* --- the format --- */

static enum status npz_open_archive(struct arrays *file)
{
    int code;
    TRY(npz_check_directory(file));
    file->source = zip_open(file->path, ZIP_RDONLY, &code);
    if (file->source)
        return ST_OK;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    enum status st =
        status_fail(ST_FAIL, "'%s' is a damaged zip archive, or cut short: %s",
                    file->path, zip_error_strerror(&error));
    zip_error_fini(&error);
    return st;
}

static enum status npz_open(struct arrays *file)
{
    TRY(npz_open_archive(file));
    zip_int64_t members = zip_get_num_entries(file->source, 0);
    for (zip_int64_t i = 0; i < members; i++) {
        const char *name = zip_get_name(file->source, (zip_uint64_t)i, 0);
        if (name && npz_ends(name, ".pkl"))
            return arrays_refuse_pickle(file->path);
    }
    size_t left = file->bytes;
    for (zip_int64_t i = 0; i < members; i++) {
        const char *name = zip_get_name(file->source, (zip_uint64_t)i, 0);
        if (name && npz_ends(name, ".npy"))
            TRY(npz_open_array(file, (size_t)i, &left));
    }
    return file->count ? ST_OK : kind_refuse(file->path, ARRAYS_EXPECTED);
}

static void npz_close(struct arrays *file)
{
    zip_discard(file->source);
}

/* Reads to the end of the member, where libzip compares the checksum. */
static bool npz_fill(zip_file_t *member, const struct arrays_entry *entry, uint8_t *block,
                     float *values)
{
    struct arrays_fill fill;
    size_t size = arrays_type_size(entry->array.type);
    arrays_fill_begin(&fill, entry, values);
    for (size_t left = entry->head; left > 0;) {
        size_t bytes = left < ARRAYS_BLOCK ? left : ARRAYS_BLOCK;
        if (!npz_take(member, block, bytes))
            return false;
        left -= bytes;
    }
    while (fill.done < entry->array.count) {
        size_t count = entry->array.count - fill.done;
        if (count > ARRAYS_BLOCK / size)
            count = ARRAYS_BLOCK / size;
        if (!npz_take(member, block, count * size))
            return false;
        arrays_fill_add(&fill, block, count);
    }
    return zip_fread(member, block, 1) == 0;
}

static const char *npz_reason(zip_file_t *member)
{
    bool known = zip_error_code_zip(zip_file_get_error(member)) != ZIP_ER_OK;
    return known ? zip_file_strerror(member) : "it has not as many bytes as it says";
}

static enum status npz_read(struct arrays *file, const struct arrays_entry *entry,
                            float *values)
{
    zip_file_t *member;
    TRY(npz_open_member(file, entry->member, &member));
    uint8_t *block = mem_zeroed(ARRAYS_BLOCK, 1);
    enum status st = ST_OK;
    if (!npz_fill(member, entry, block, values))
        st = status_fail(ST_FAIL, "array '%s' of '%s' is damaged or cut short: %s",
                         entry->array.name, file->path, npz_reason(member));
    free(block);
    zip_fclose(member);
    return st;
}

const struct arrays_format arrays_format_npz = {
    .name = "npz",
    .kind = KIND_NPZ,
    .open = npz_open,
    .read = npz_read,
    .close = npz_close,
};

/* An archive whose first file is no .npy may have some all the same. */
const struct arrays_format arrays_format_zip = {
    .name = "npz",
    .kind = KIND_ZIP,
    .open = npz_open,
    .read = npz_read,
    .close = npz_close,
};
