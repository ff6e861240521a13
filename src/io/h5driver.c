/* The HDF5 file driver that reads files. HDF5's own drivers collect metadata in a buffer,
   which HDF5 1.10 accesses far out of bounds when the addresses in a hostile file wrap
   around. This driver has no buffer and refuses reads outside the file. */
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

struct h5_reader {
    H5FD_t base; /* HDF5's fields; first, so that pointers can be cast */
    int fd;
    haddr_t end;   /* the file's size */
    haddr_t space; /* the size of the address space, as set by HDF5 */
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
    struct h5_reader *reader = mem_zeroed(1, sizeof *reader);
    reader->fd = fd;
    reader->end = (haddr_t)s.st_size;
    reader->device = s.st_dev;
    reader->inode = s.st_ino;
    return &reader->base;
}

static herr_t driver_close(H5FD_t *file)
{
    struct h5_reader *reader = (struct h5_reader *)file;
    int failed = close(reader->fd);
    free(reader);
    return failed ? -1 : 0;
}

static int driver_compare(const H5FD_t *one, const H5FD_t *two)
{
    const struct h5_reader *a = (const struct h5_reader *)one,
                           *b = (const struct h5_reader *)two;
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
    return ((const struct h5_reader *)file)->space;
}

static herr_t driver_set_space(H5FD_t *file, H5FD_mem_t type, haddr_t space)
{
    (void)type;
    ((struct h5_reader *)file)->space = space;
    return 0;
}

static haddr_t driver_end(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const struct h5_reader *)file)->end;
}

/* Reports the reason for h5_reason: HDF5 itself records only that the driver failed. */
static herr_t driver_fail(const char *reason)
{
    H5Epush2(H5E_DEFAULT, __FILE__, __func__, __LINE__, H5E_ERR_CLS, H5E_IO,
             H5E_READERROR, "%s", reason);
    return -1;
}

/* HDF5 may read past the end of the file: it gets zeros there. But bytes below
   reader->end existed when the file was opened: if they are missing, it was truncated
   since. */
static herr_t driver_read(H5FD_t *file, H5FD_mem_t type, hid_t list, haddr_t address,
                          size_t size, void *data)
{
    (void)type;
    (void)list;
    const struct h5_reader *reader = (const struct h5_reader *)file;
    char *to = data;
    if (address > reader->end || address > reader->space ||
        size > reader->space - address)
        return -1;
    while (size > 0) {
        ssize_t got = pread(reader->fd, to, size, (off_t)address);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return driver_fail(strerror(errno));
        if (got == 0 && address < reader->end)
            return driver_fail("the file has become shorter");
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
        .value = (H5FD_class_value_t)511, /* reserved for tests; never stored in a file */
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
