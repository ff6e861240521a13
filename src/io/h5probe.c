#include "io/h5probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "h5_impl.h"

#define WORD         "--try-hdf5"
#define CPU_SECONDS  2
#define MEMORY_BYTES ((rlim_t)1 << 30)
#define OBJECTS_MAX  100000 /* a file of ours has hundreds */
#define DEPTH_MAX    4      /* /optimizer/STATE/LAYER/TENSOR: nothing deeper is read */
#define KNOWN        16     /* files tried last that are remembered */

/* --- the process that tries --- */

struct walk {
    struct h5file *file;
    const char *object; /* whose attributes are being read */
    int left;           /* objects that may still be looked at */
    enum status st;
};

static herr_t try_attribute(hid_t object, const char *name, const H5A_info_t *info,
                            void *context)
{
    (void)info;
    struct walk *walk = context;
    hid_t id = H5Aopen(object, name, H5P_DEFAULT);
    if (id < 0)
        return 0;
    hid_t type = H5Aget_type(id);
    H5T_class_t class = H5Tget_class(type);
    hssize_t size = (hssize_t)H5Aget_storage_size(id);
    H5Tclose(type);
    H5Aclose(id);
    double number;
    char **texts;
    int count;
    if (class != H5T_STRING) {
        (void)!h5file_get_f64(walk->file, walk->object, name, &number);
        return 0;
    }
    enum status st = h5file_get_texts(walk->file, walk->object, name, &texts, &count);
    if (st == ST_OK)
        fs_free_list(texts, count);
    else if (size > 0)
        walk->st = st;
    return 0;
}

static void try_object(struct walk *walk, const char *path, int depth)
{
    char **names, member[FS_PATH];
    int count;
    struct h5file_info info;
    hid_t id = H5Oopen(walk->file->id, path, H5P_DEFAULT);
    if (id < 0 || walk->left-- <= 0)
        return;
    walk->object = path;
    H5Aiterate2(id, H5_INDEX_NAME, H5_ITER_INC, NULL, try_attribute, walk);
    bool group = H5Iget_type(id) == H5I_GROUP;
    H5Oclose(id);
    if (!group) {
        (void)!h5file_info(walk->file, path, &info);
        return;
    }
    if (depth == DEPTH_MAX || h5file_members(walk->file, path, &names, &count) != ST_OK)
        return;
    for (int i = 0; i < count; i++)
        if (fs_join(member, path, names[i]) == ST_OK && h5file_has(walk->file, member))
            try_object(walk, member, depth + 1);
    fs_free_list(names, count);
}

enum status h5probe_walk(const char *path)
{
    struct walk walk = {.left = OBJECTS_MAX};
    /* That it cannot be opened is told better by the one who wants to read it. */
    if (h5file_open(&walk.file, path) != ST_OK)
        return ST_OK;
    try_object(&walk, "/", 0);
    h5file_close(walk.file);
    return walk.st;
}

/* What the process needs to be there at all does not count. */
static void limit_memory(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return;
    if (fscanf(file, "%ld", &pages) == 1) {
        rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_BYTES;
        setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes});
    }
    fclose(file);
}

void h5probe_answer(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], WORD) != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_SECONDS, CPU_SECONDS + 1});
    limit_memory();
    _exit(h5probe_walk(argv[2]));
}

/* --- the process that wants to read --- */

static bool enabled;

static struct identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} known[KNOWN];
static int known_next;

void h5probe_enable(void)
{
    enabled = true;
}

/* All bytes are set, also those between the fields. */
static void identify(struct identity *identity, const struct stat *s)
{
    memset(identity, 0, sizeof *identity);
    identity->device = s->st_dev;
    identity->inode = s->st_ino;
    identity->size = s->st_size;
    identity->modified = s->st_mtim;
    identity->changed = s->st_ctim;
}

static bool is_known(const struct identity *identity)
{
    for (int i = 0; i < KNOWN; i++)
        if (memcmp(&known[i], identity, sizeof *identity) == 0)
            return true;
    return false;
}

/* Signals that are meant for the job are not for it: Ctrl-C reaches all processes of a
   terminal, and its end would say something of the file. */
static void set_signals(posix_spawnattr_t *attributes)
{
    sigset_t blocked, none;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGXCPU);
    sigemptyset(&none);
    sigaddset(&none, SIGXCPU);
    posix_spawnattr_setsigmask(attributes, &blocked);
    posix_spawnattr_setsigdefault(attributes, &none);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/* How the other process ended, as waitpid gives it; or -1 with errno. */
static int try_elsewhere(const char *path)
{
    char name[] = "lockstep", word[] = WORD;
    char *arguments[] = {name, word, (char *)(uintptr_t)path, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    pid_t pid;
    int ended = -1;
    posix_spawn_file_actions_init(&files);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_init(&attributes);
    set_signals(&attributes);
    int error =
        posix_spawn(&pid, "/proc/self/exe", &files, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (error == 0) {
        while ((error = waitpid(pid, &ended, 0) == pid ? 0 : errno) == EINTR)
            ;
    }
    errno = error;
    return error ? -1 : ended;
}

enum status h5_probe(const char *path)
{
    struct stat s;
    struct identity identity;
    if (!enabled || stat(path, &s) != 0)
        return ST_OK;
    identify(&identity, &s);
    if (is_known(&identity))
        return ST_OK;
    int ended = try_elsewhere(path);
    if (ended == -1)
        log_note("'%s' is read untried: no process could be started for it: %s", path,
                 strerror(errno));
    else if (WIFSIGNALED(ended))
        FAIL(ST_FAIL,
             "'%s' is damaged or malicious: the HDF5 library ends with '%s' on it", path,
             strsignal(WTERMSIG(ended)));
    else if (WEXITSTATUS(ended) != 0)
        FAIL(ST_FAIL,
             "'%s' is damaged or malicious: the HDF5 library cannot read its attributes",
             path);
    known[known_next] = identity;
    known_next = (known_next + 1) % KNOWN;
    return ST_OK;
}
