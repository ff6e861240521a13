/* kernels/cpu without hwloc and OpenBLAS: plain C is the only instruction set. */
#include "kernels/cpu.h"

enum cpu_isa cpu_isa(void)
{
    return CPU_PLAIN;
}

void cpu_blas_single_thread(void)
{
}

/* Unknown, as on a machine that tells no sizes. */
size_t cpu_cache(int level)
{
    (void)level;
    return 0;
}
