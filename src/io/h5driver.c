/* h5driver: how HDF5 reads a file that may be hostile: its own drivers gather metadata in
   a buffer, in which HDF5 1.10 looks up addresses that wrap around, far outside of it.
   This one reads what it is asked for, and nothing where there can be nothing. */
#include <hdf5.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

#include "base/mem.h"
#include "h5_impl.h"

/* HDF5 keeps its own fields in the first. */
struct reader {
    H5FD_t base;
    int fd;
    haddr_t end, space; /* of the file; of what HDF5 takes for it */
    dev_t device;
    ino_t inode;
};

static H5FD_t *driver_open(const char *path, unsigned flags, hid_t list, haddr_t most)
{
    (void)list;
    (void)most;
    struct stat s;
    int fd = flags & H5F_ACC_RDWR ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) != 0) {
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    struct reader *reader = mem_zeroed(1, sizeof *reader);
    reader->fd = fd;
    reader->end = (haddr_t)s.st_size;
    reader->device = s.st_dev;
    reader->inode = s.st_ino;
    return &reader->base;
}

static herr_t driver_close(H5FD_t *file)
{
    struct reader *reader = (struct reader *)file;
    int failed = close(reader->fd);
    free(reader);
    return failed ? -1 : 0;
}

static int driver_compare(const H5FD_t *one, const H5FD_t *two)
{
    const struct reader *a = (const struct reader *)one, *b = (const struct reader *)two;
    if (a->device != b->device)
        return a->device < b->device ? -1 : 1;
    return (a->inode > b->inode) - (a->inode < b->inode);
}

static herr_t driver_query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = H5FD_FEAT_IGNORE_DRVRINFO | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t driver_space(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const struct reader *)file)->space;
}

static herr_t driver_set_space(H5FD_t *file, H5FD_mem_t type, haddr_t space)
{
    (void)type;
    ((struct reader *)file)->space = space;
    return 0;
}

static haddr_t driver_end(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const struct reader *)file)->end;
}

/* For h5_reason; HDF5 itself says only that the driver failed. */
static herr_t read_failed(const char *reason)
{
    H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_IO,
             H5E_READERROR, "%s", reason);
    return -1;
}

/* HDF5 may ask for more than there is, at the end: it is given zeros. But a file that was
   longer when it was opened was cut since. */
static herr_t driver_read(H5FD_t *file, H5FD_mem_t type, hid_t list, haddr_t address,
                          size_t size, void *data)
{
    (void)type;
    (void)list;
    const struct reader *reader = (const struct reader *)file;
    char *to = data;
    if (address > reader->end || address > reader->space ||
        size > reader->space - address)
        return -1;
    while (size > 0) {
        ssize_t got = pread(reader->fd, to, size, (off_t)address);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return read_failed(strerror(errno));
        if (got == 0 && address < reader->end)
            return read_failed("the file has become shorter");
        if (got == 0) {
            memset(to, 0, size);
            return 0;
        }
        to += got;
        address += (haddr_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static herr_t driver_write(H5FD_t *file, H5FD_mem_t type, hid_t list, haddr_t address,
                           size_t size, const void *data)
{
    (void)file;
    (void)type;
    (void)list;
    (void)address;
    (void)size;
    (void)data;
    return -1;
}

hid_t h5_read_driver(void)
{
    static const H5FD_class_t driver = {
#if H5_VERSION_GE(1, 13, 0)
        .version = H5FD_CLASS_VERSION,
        .value = (H5FD_class_value_t)511,
        /* as for tests: never stored in a file */,
#endif
        .name = "lockstep",
        .maxaddr = INT64_MAX,
        .fc_degree = H5F_CLOSE_STRONG,
        .open = driver_open,
        .close = driver_close,
        .cmp = driver_compare,
        .query = driver_query,
        .get_eoa = driver_space,
        .set_eoa = driver_set_space,
        .get_eof = driver_end,
        .read = driver_read,
        .write = driver_write,
        .fl_map = H5FD_FLMAP_DICHOTOMY,
    };
    static hid_t id = H5I_INVALID_HID;
    if (id < 0)
        id = H5FDregister(&driver);
    return id;
}
