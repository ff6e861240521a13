#include "io/h5file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "h5_impl.h"

bool h5file_has_attr(struct h5file *file, const char *object, const char *name)
{
    H5_ALONE;
    return H5Aexists_by_name(file->id, object, name, H5P_DEFAULT) > 0;
}

static enum status attr_put(struct h5file *file, const char *object, const char *name,
                            hid_t space, hid_t type, hid_t memory, const void *value)
{
    if (!h5file_has(file, object))
        TRY(h5_make_group(file, object));
    hid_t id = H5Acreate_by_name(file->id, object, name, type, space, H5P_DEFAULT,
                                 H5P_DEFAULT, H5P_DEFAULT);
    enum status st = ST_OK;
    if (id < 0 || H5Awrite(id, memory, value) < 0)
        st = status_fail(ST_FAIL, "cannot write attribute '%s' of '%s' into '%s': %s",
                         name, object, file->path, h5_reason());
    if (id >= 0)
        H5Aclose(id);
    return st;
}

static enum status attr_put_scalar(struct h5file *file, const char *object,
                                   const char *name, hid_t type, hid_t memory,
                                   const void *value)
{
    hid_t space = H5Screate(H5S_SCALAR);
    enum status st = attr_put(file, object, name, space, type, memory, value);
    H5Sclose(space);
    return st;
}

enum status h5file_put_f64(struct h5file *file, const char *object, const char *name,
                           double value)
{
    H5_ALONE;
    return attr_put_scalar(file, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

enum status h5file_put_f64s(struct h5file *file, const char *object, const char *name,
                            const double *value, int count)
{
    H5_ALONE;
    hsize_t extent = (hsize_t)count;
    hid_t space = H5Screate_simple(1, &extent, NULL);
    enum status st =
        attr_put(file, object, name, space, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, value);
    H5Sclose(space);
    return st;
}

enum status h5file_put_u64(struct h5file *file, const char *object, const char *name,
                           uint64_t value)
{
    H5_ALONE;
    return attr_put_scalar(file, object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
}

/* The type of fixed-length strings of `size` bytes, the last of which is NUL. */
static hid_t attr_text_type(size_t size, H5T_cset_t cset)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_cset(type, cset);
    H5Tset_strpad(type, H5T_STR_NULLTERM);
    return type;
}

enum status h5file_put_text(struct h5file *file, const char *object, const char *name,
                            const char *text)
{
    H5_ALONE;
    hid_t type = attr_text_type(strlen(text) + 1, H5T_CSET_UTF8);
    enum status st = attr_put_scalar(file, object, name, type, type, text);
    H5Tclose(type);
    return st;
}

enum status h5file_put_texts(struct h5file *file, const char *object, const char *name,
                             char *const *texts, int count)
{
    H5_ALONE;
    size_t size = 1;
    for (int i = 0; i < count; i++) {
        if (strlen(texts[i]) + 1 > size)
            size = strlen(texts[i]) + 1;
    }
    char *block = mem_zeroed((size_t)count, size);
    for (int i = 0; i < count; i++)
        strcpy(block + (size_t)i * size, texts[i]);
    hsize_t extent = (hsize_t)count;
    hid_t space = H5Screate_simple(1, &extent, NULL);
    hid_t type = attr_text_type(size, H5T_CSET_UTF8);
    enum status st = attr_put(file, object, name, space, type, type, block);
    H5Tclose(type);
    H5Sclose(space);
    free(block);
    return st;
}

/* An attribute opened for reading. */
struct attr {
    hid_t id, type;
    size_t count; /* elements */
};

static void attr_close(struct attr *attr)
{
    if (attr->type >= 0)
        H5Tclose(attr->type);
    H5Aclose(attr->id);
}

/* The file must hold what the attribute announces: memory is allocated for it. */
static enum status attr_open(struct attr *attr, struct h5file *file, const char *object,
                             const char *name)
{
    if (!h5file_has_attr(file, object, name))
        FAIL(ST_FAIL, "'%s' has no attribute '%s' on '%s'", file->path, name, object);
    attr->id = H5Aopen_by_name(file->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (attr->id < 0)
        FAIL(ST_FAIL, "cannot read attribute '%s' of '%s': %s", name, file->path,
             h5_reason());
    attr->type = H5Aget_type(attr->id);
    hid_t space = H5Aget_space(attr->id);
    hssize_t points = space < 0 ? 0 : H5Sget_simple_extent_npoints(space);
    if (space >= 0)
        H5Sclose(space);
    attr->count = points > 0 ? (size_t)points : 0;
    size_t bytes;
    if (attr->type >= 0 &&
        !__builtin_mul_overflow(attr->count, H5Tget_size(attr->type), &bytes) &&
        bytes <= file->bytes && attr->count <= INT_MAX)
        return ST_OK;
    attr_close(attr);
    FAIL(ST_FAIL, "'%s' is damaged: it is too short for its attribute '%s'", file->path,
         name);
}

/* 1 to `most` numbers into value. */
static enum status attr_get_numbers(struct h5file *file, const char *object,
                                    const char *name, hid_t memory, int most, void *value,
                                    int *count)
{
    struct attr attr = {0};
    TRY(attr_open(&attr, file, object, name));
    *count = (int)attr.count;
    H5T_class_t class = H5Tget_class(attr.type);
    bool whole = class == H5T_INTEGER;
    enum status st = ST_OK;
    if (attr.count < 1 || *count > most || !h5_is_number(attr.type))
        st = status_fail(ST_FAIL, "attribute '%s' of '%s' is not %s", name, file->path,
                         most == 1 ? "a number" : "a number, or one for each channel");
    else if (!whole && H5Tget_class(memory) == H5T_INTEGER)
        st = status_fail(ST_FAIL, "attribute '%s' of '%s' is not a whole number", name,
                         file->path);
    else if (H5Aread(attr.id, memory, value) < 0)
        st = status_fail(ST_FAIL, "cannot read attribute '%s' of '%s': %s", name,
                         file->path, h5_reason());
    attr_close(&attr);
    return st;
}

static enum status attr_get_number(struct h5file *file, const char *object,
                                   const char *name, hid_t memory, void *value)
{
    int count;
    return attr_get_numbers(file, object, name, memory, 1, value, &count);
}

enum status h5file_get_f64s(struct h5file *file, const char *object, const char *name,
                            double *value, int most, int *count)
{
    H5_ALONE;
    return attr_get_numbers(file, object, name, H5T_NATIVE_DOUBLE, most, value, count);
}

enum status h5file_get_f64(struct h5file *file, const char *object, const char *name,
                           double *value)
{
    H5_ALONE;
    return attr_get_number(file, object, name, H5T_NATIVE_DOUBLE, value);
}

enum status h5file_get_u64(struct h5file *file, const char *object, const char *name,
                           uint64_t *value)
{
    H5_ALONE;
    return attr_get_number(file, object, name, H5T_NATIVE_UINT64, value);
}

/* Reads into a list of attr->count texts; the caller frees it. */
static bool attr_read_fixed(struct attr *attr, char ***texts)
{
    size_t size = H5Tget_size(attr->type) + 1;
    hid_t type = attr_text_type(size, H5Tget_cset(attr->type));
    char *block = mem_zeroed(attr->count, size);
    bool good = H5Aread(attr->id, type, block) >= 0;
    if (good)
        *texts = mem_zeroed(attr->count, sizeof **texts);
    for (size_t i = 0; good && i < attr->count; i++)
        (*texts)[i] = mem_strdup(block + i * size);
    H5Tclose(type);
    free(block);
    return good;
}

/* The same for variable length: HDF5 follows the file's pointers to each text. */
static bool attr_read_variable(struct attr *attr, char ***texts)
{
    char **lent = mem_zeroed(attr->count, sizeof *lent);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Aget_space(attr->id);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5Tget_cset(attr->type));
    bool good = H5Aread(attr->id, type, lent) >= 0;
    if (good)
        *texts = mem_zeroed(attr->count, sizeof **texts);
    for (size_t i = 0; good && i < attr->count; i++)
        (*texts)[i] = mem_strdup(lent[i] ? lent[i] : "");
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, lent);
    H5Sclose(space);
    H5Tclose(type);
    free(lent);
    return good;
}

enum status h5file_get_texts(struct h5file *file, const char *object, const char *name,
                             char ***texts, int *count)
{
    H5_ALONE;
    struct attr attr = {0};
    TRY(attr_open(&attr, file, object, name));
    enum status st = ST_OK;
    char **list = NULL;
    if (H5Tget_class(attr.type) != H5T_STRING || attr.count == 0)
        st = status_fail(ST_FAIL, "attribute '%s' of '%s' is not text", name, file->path);
    else if (H5Tis_variable_str(attr.type) != 0 && !h5_guarded())
        st = status_fail(ST_FAIL,
                         "attribute '%s' of '%s' is text of variable length, in a file "
                         "that was not probed; use fixed lengths (numpy.bytes_ in h5py)",
                         name, file->path);
    else if (H5Tis_variable_str(attr.type) != 0 ? !attr_read_variable(&attr, &list)
                                                : !attr_read_fixed(&attr, &list))
        st = status_fail(ST_FAIL, "cannot read attribute '%s' of '%s': %s", name,
                         file->path, h5_reason());
    attr_close(&attr);
    TRY(st);
    *texts = list;
    *count = (int)attr.count;
    return ST_OK;
}

enum status h5file_get_text(struct h5file *file, const char *object, const char *name,
                            char **text)
{
    H5_ALONE;
    char **texts;
    int count;
    TRY(h5file_get_texts(file, object, name, &texts, &count));
    if (count != 1) {
        fs_free_list(texts, count);
        FAIL(ST_FAIL, "attribute '%s' of '%s' is not one text", name, file->path);
    }
    *text = texts[0];
    free(texts);
    return ST_OK;
}

enum status h5file_put_hash(struct h5file *file, const char *object, const char *name,
                            uint64_t hash)
{
    char text[17];
    hash_text(hash, text);
    return h5file_put_text(file, object, name, text);
}

enum status h5file_get_hash(struct h5file *file, const char *object, const char *name,
                            uint64_t *hash)
{
    char *text = NULL;
    TRY(h5file_get_text(file, object, name, &text));
    bool good = strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16;
    *hash = strtoull(text, NULL, 16);
    free(text);
    if (!good)
        FAIL(ST_FAIL, "attribute '%s' of '%s' is not a hash of 16 hex digits", name,
             file->path);
    return ST_OK;
}
