#include "io/h5walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "h5_impl.h"

struct h5_walk {
    struct h5file *file;
    enum status (*found)(void *context, const struct h5walk_array *array);
    void *context;
    char name[FS_PATH]; /* of the present object */
    size_t left;        /* objects that may still be found */
    int depth;
};

/* The members of a group that are not links by name. */
struct h5_members {
    char **name;
    size_t count, most;
};

/* A callback of H5Literate: positive ends it. */
static herr_t walk_collect(hid_t group, const char *name, const H5L_info_t *link,
                           void *context)
{
    (void)group;
    struct h5_members *members = context;
    if (link->type != H5L_TYPE_HARD)
        return 0;
    if (members->count == members->most)
        return 1;
    if ((members->count & (members->count - 1)) == 0) /* 0 or a power of two: full */
        members->name = mem_resize(members->name, members->count ? 2 * members->count : 1,
                                   sizeof(char *));
    members->name[members->count++] = mem_strdup(name);
    return 0;
}

/* Fills in the extent. */
static enum status walk_measure(const struct h5_walk *walk, hid_t id,
                                struct h5walk_array *array)
{
    hsize_t dim[H5S_MAX_RANK];
    hid_t space = H5Dget_space(id);
    array->ndims = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dim, NULL);
    if (space >= 0)
        H5Sclose(space);
    if (array->ndims < 0 || array->ndims > H5WALK_DIMS)
        FAIL(ST_FAIL, "'%s' in '%s' has %d dimensions; at most %d are possible",
             walk->name, walk->file->path, array->ndims, H5WALK_DIMS);
    array->count = 1;
    for (int i = 0; i < array->ndims; i++) {
        array->dim[i] = dim[i];
        if (__builtin_mul_overflow(array->count, array->dim[i], &array->count))
            FAIL(ST_FAIL, "'%s' in '%s' is impossibly large", walk->name,
                 walk->file->path);
    }
    return ST_OK;
}

static enum status walk_array(struct h5_walk *walk, hid_t id)
{
    struct h5walk_array array = {.name = walk->name};
    TRY(walk_measure(walk, id, &array));
    hid_t type = H5Dget_type(id);
    haddr_t offset = H5Dget_offset(id);
    size_t size = 0;
    array.number = type >= 0 && h5_is_number(type);
    if (array.number) {
        array.type = h5_nearest_type(type);
        size = H5Tget_size(type);
    }
    if (type >= 0)
        H5Tclose(type);
    if (offset != HADDR_UNDEF)
        array.offset = offset;
    array.readable =
        array.number && array.ndims <= H5FILE_DIMS &&
        (array.count == 0 ||
         (h5_is_contiguous(id) && h5_is_whole(walk->file, id, array.count, size)));
    return walk->found(walk->context, &array);
}

static enum status walk_members(struct h5_walk *walk, hid_t group,
                                const struct h5_members *members);

/* HDF5 1.10 makes a table of the links that are stored in a group's header, and where one
   of them is damaged, it frees what it has not filled in yet. To look for a name that is
   not there, it reads all of them without a table. */
static int walk_list(hid_t group, struct h5_members *members)
{
    if (H5Lexists(group, "\1", H5P_DEFAULT) != 0)
        return -1;
    return H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, walk_collect, members);
}

static enum status walk_group(struct h5_walk *walk, hid_t id)
{
    struct h5_members members = {.most = walk->left};
    enum status st = ST_OK;
    const char *path = walk->file->path;
    if (walk->depth == H5WALK_DEPTH)
        FAIL(ST_FAIL, "'%s' has groups in groups, more than %d deep", path, H5WALK_DEPTH);
    walk->depth++;
    int ended = walk_list(id, &members);
    if (ended < 0)
        st = status_fail(ST_FAIL, "'%s' is damaged: group '%s' cannot be listed", path,
                         *walk->name ? walk->name : "/");
    else if (ended > 0)
        st = status_fail(ST_FAIL, "'%s' holds more than %d arrays and groups", path,
                         H5WALK_OBJECTS);
    else
        st = walk_members(walk, id, &members);
    for (size_t i = 0; i < members.count; i++)
        free(members.name[i]);
    free(members.name);
    walk->depth--;
    return st;
}

/* walk->name is that of the object. */
static enum status walk_object(struct h5_walk *walk, hid_t group, const char *name)
{
    enum status st = ST_OK;
    hid_t id = H5Oopen(group, name, H5P_DEFAULT);
    if (id < 0)
        FAIL(ST_FAIL, "'%s' is damaged: '%s' cannot be opened", walk->file->path,
             walk->name);
    if (H5Iget_type(id) == H5I_GROUP)
        st = walk_group(walk, id);
    else if (H5Iget_type(id) == H5I_DATASET)
        st = walk_array(walk, id);
    H5Oclose(id);
    return st;
}

/* Messages and lists have such names in one line. */
static bool walk_is_plain(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return false;
    return true;
}

static enum status walk_members(struct h5_walk *walk, hid_t group,
                                const struct h5_members *members)
{
    size_t length = strlen(walk->name), room = sizeof walk->name - length;
    walk->left -= members->count;
    for (size_t i = 0; i < members->count; i++) {
        if (!walk_is_plain(members->name[i]))
            FAIL(ST_FAIL, "'%s' has a name with control characters", walk->file->path);
        int added = snprintf(walk->name + length, room, "/%s", members->name[i]);
        if (added < 0 || (size_t)added >= room)
            FAIL(ST_FAIL, "'%s' has a name of more than %d bytes", walk->file->path,
                 FS_PATH - 1);
        TRY(walk_object(walk, group, members->name[i]));
    }
    walk->name[length] = '\0';
    return ST_OK;
}

enum status h5file_walk(struct h5file *file,
                        enum status (*found)(void *context,
                                             const struct h5walk_array *array),
                        void *context)
{
    H5_ALONE;
    struct h5_walk *walk = mem_zeroed(1, sizeof *walk);
    walk->file = file;
    walk->found = found;
    walk->context = context;
    walk->left = H5WALK_OBJECTS;
    enum status st = ST_OK;
    hid_t root = H5Gopen2(file->id, "/", H5P_DEFAULT);
    if (root < 0)
        st = status_fail(ST_FAIL, "'%s' is damaged: it has no groups", file->path);
    else
        st = walk_group(walk, root);
    if (root >= 0)
        H5Gclose(root);
    free(walk);
    return st;
}
