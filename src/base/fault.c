#include "base/fault.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/status.h"

#define SHM "/dev/shm/"

/* Reads one line, without its end, as a signal handler may; false: no more. */
static bool fault_read_line(int fd, char *line, size_t room)
{
    size_t length = 0;
    char c;
    while (read(fd, &c, 1) == 1) {
        if (c == '\n') {
            line[length] = '\0';
            return true;
        }
        if (length < room - 1)
            line[length++] = c;
    }
    return false;
}

/* The hexadecimal number that a text begins with; *text then points behind it. */
static uintptr_t fault_address(const char **text)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit;
    uintptr_t number = 0;
    while (**text && (digit = strchr(digits, **text))) {
        number = number << 4 | (uintptr_t)(digit - digits);
        (*text)++;
    }
    return number;
}

/* The file that is mapped at `address`: from a line "BEGIN-END ... /PATH" of maps. */
static bool fault_find_file(const void *address, char *line, const char **path)
{
    bool found = false;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && !found && fault_read_line(fd, line, FS_PATH)) {
        const char *text = line;
        uintptr_t begin = fault_address(&text), end = 0;
        if (*text++ == '-')
            end = fault_address(&text);
        *path = strchr(text, '/');
        found = *path && begin <= (uintptr_t)address && (uintptr_t)address < end;
    }
    if (fd >= 0)
        close(fd);
    return found;
}

static void fault_say(const char *before, const char *path, const char *after)
{
    static char text[FS_PATH + 256];
    char *end = stpcpy(stpcpy(stpcpy(text, before), path), after);
    stpcpy(end, "\n");
    log_write(text);
}

/* Another error of the bus kills the process as usual, when it happens again. */
static void fault_caught(int number, siginfo_t *info, void *context)
{
    static char line[FS_PATH];
    const char *path;
    (void)context;
    if (info->si_code != BUS_ADRERR || !fault_find_file(info->si_addr, line, &path)) {
        signal(number, SIG_DFL);
        return;
    }
    if (strncmp(path, SHM, strlen(SHM)) == 0)
        fault_say("lockstep: /dev/shm is full: no room is left for '", path,
                  "'; make room there, or let Open MPI use another folder: export "
                  "OMPI_MCA_btl_vader_backing_directory=/tmp");
    else
        fault_say("lockstep: a part of '", path,
                  "' cannot be read: the file was cut short, or its storage fails");
    _exit(ST_FAIL);
}

void fault_install(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_NODEFER};
    action.sa_sigaction = fault_caught;
    sigaction(SIGBUS, &action, NULL);
}
