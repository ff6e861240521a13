#include "kernels/policy.h"

#include <stdio.h>

#include "kernels/cpu.h"

void policy_bits_text(const struct kernel_policy *policy, char text[POLICY_BITS])
{
    const char *isa = cpu_isa_name(cpu_isa());
    if (policy->bits == POLICY_BLAS)
        snprintf(text, POLICY_BITS, "%s, %s", isa, cpu_blas());
    else
        snprintf(text, POLICY_BITS, "%s", cpu_isa_fuses(cpu_isa()) ? "portable" : isa);
}
