#include "app/run/prepare.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kernels/cpu.h"

static bool prepare_set(const char *name, const char *value)
{
    if (getenv(name))
        return false;
    setenv(name, value, 1);
    return true;
}

void prepare_environment(char **argv)
{
    /* What /proc/self/exe starts is called "exe" by ps and pgrep. */
    prctl(PR_SET_NAME, program_invocation_short_name);
    if (getenv(PREPARE_VARIABLE))
        return;
    const char *core = cpu_blas_core();
    if (!core || !prepare_set("OPENBLAS_CORETYPE", core))
        return;
    setenv(PREPARE_VARIABLE, "1", 1);
    execv("/proc/self/exe", argv);
    /* Without /proc the run is slower, but right. */
}

const char *prepare_blas_advice(void)
{
    static char text[160];
    const char *forced = getenv("OPENBLAS_CORETYPE");
    if (!forced || !cpu_blas_core() || cpu_isa() != CPU_V4)
        return NULL;
    snprintf(text, sizeof text,
             "OPENBLAS_CORETYPE=%s keeps OpenBLAS from AVX-512, which this CPU has; "
             "unset it",
             forced);
    return text;
}

static bool prepare_asks_other(const char *name, int threads)
{
    const char *text = getenv(name);
    return text && atoi(text) != threads; /* OMP_NUM_THREADS may be a list, "4,1" */
}

const char *prepare_threads_advice(int threads)
{
    static char text[200];
    static const char *const places[] = {"OMP_PLACES", "GOMP_CPU_AFFINITY"};
    static const char *const blas[] = {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS"};
    if (prepare_asks_other("OMP_NUM_THREADS", threads)) {
        snprintf(text, sizeof text,
                 "OMP_NUM_THREADS=%.20s is ignored: a rank has %d thread%s; use "
                 "--threads, and unset it",
                 getenv("OMP_NUM_THREADS"), threads, threads > 1 ? "s" : "");
        return text;
    }
    for (int i = 0; i < 2; i++)
        if (prepare_asks_other(blas[i], 1) && prepare_asks_other(blas[i], threads)) {
            snprintf(text, sizeof text,
                     "%s=%.20s is ignored: a BLAS call has one thread, a rank has %d; "
                     "use --threads, and unset it",
                     blas[i], getenv(blas[i]), threads);
            return text;
        }
    for (int i = 0; i < 2; i++)
        if (getenv(places[i])) {
            snprintf(text, sizeof text,
                     "%s=%.40s is ignored: a rank's threads run on any CPU of the rank, "
                     "and mpirun or srun binds ranks; unset it",
                     places[i], getenv(places[i]));
            return text;
        }
    return NULL;
}
