/*
 * fuzz_h5: what the programs share that read HDF5 files.
 *
 * An attacker computes every checksum anew after having changed a file: here all of them
 * are right. HDF5's own are not compared, or are 0 where they cannot but be; and what
 * lockstep hashes has the hash 0. That is what the seeds say (make_corpus.py).
 *
 * As in lockstep itself, each file is first walked by another process, and only read if
 * that one survives (io/h5probe.h): HDF5 1.10.8 has crashes of its own which are not ours
 * to find. It is a fork here, for starting a program would take a hundred times as long.
 */
#ifndef LOCKSTEP_TESTS_FUZZ_H5_H
#define LOCKSTEP_TESTS_FUZZ_H5_H

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "fuzz.h"
#include "io/h5probe.h"

/* HDF5's, which calls it through the dynamic linker. */
int H5F_get_checksums(const uint8_t *data, size_t bytes, uint32_t *stored,
                      uint32_t *computed);

int H5F_get_checksums(const uint8_t *data, size_t bytes, uint32_t *stored,
                      uint32_t *computed)
{
    (void)data;
    (void)bytes;
    if (stored)
        *stored = 0;
    if (computed)
        *computed = 0;
    return 0;
}

/* A block of a heap is compared elsewhere. */
uint32_t H5_checksum_metadata(const void *data, size_t bytes, uint32_t seed);

uint32_t H5_checksum_metadata(const void *data, size_t bytes, uint32_t seed)
{
    (void)data;
    (void)bytes;
    (void)seed;
    return 0;
}

uint64_t hash_bytes(const void *data, size_t bytes, uint64_t seed)
{
    (void)data;
    (void)bytes;
    (void)seed;
    return 0;
}

void hash_text(uint64_t hash, char text[17])
{
    snprintf(text, 17, "%016llx", (unsigned long long)hash);
}

/* No report and no artifact of the other process: a crash in it is an answer. */
static _Noreturn void try_and_exit(const char *path)
{
    int nowhere = open("/dev/null", O_RDWR);
    const struct itimerval limit = {.it_value.tv_usec = 300000};
    setitimer(ITIMER_PROF, &limit, NULL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (nowhere < 0 || dup2(nowhere, 1) < 0 || dup2(nowhere, 2) < 0 ||
        chdir("/proc") != 0)
        _exit(1);
    _exit(h5probe_walk(path));
}

static bool survives(const char *path)
{
    int ended;
    pid_t pid = fork();
    FUZZ_CHECK(pid >= 0);
    if (pid == 0)
        try_and_exit(path);
    while (waitpid(pid, &ended, 0) != pid)
        ;
    return WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
}

#endif
