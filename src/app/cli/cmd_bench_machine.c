/* bench: the machine that is measured. */
#include "base/log.h"
#include "cmd_bench.h"
#include "kernels/cpu.h"

void bench_print_machine(double registers, double sgemm)
{
    log_out("%s, %s kernels, %s\n", cpu_model(), cpu_isa_name(cpu_isa()), cpu_blas());
    log_out("peak of one core: %.1f GFLOP/s in registers, %.1f in a large sgemm\n\n",
            registers * 1e-9, sgemm * 1e-9);
}
