/* kernels/cpu without hwloc and OpenBLAS: plain C is the only instruction set. */
#include "kernels/cpu.h"

enum cpu_isa cpu_isa(void)
{
    return CPU_PLAIN;
}

void cpu_blas_single_thread(void)
{
}
