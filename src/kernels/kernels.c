#include "kernels/kernels.h"

#include <stdatomic.h>

extern const struct kernels kernels_plain;
#if defined(__x86_64__)
extern const struct kernels kernels_v2, kernels_v3, kernels_v4;
#endif

static const struct kernels *table_of(enum cpu_isa isa)
{
    switch (isa) {
    case CPU_PLAIN:
        return &kernels_plain;
#if defined(__x86_64__)
    case CPU_V2:
        return &kernels_v2;
    case CPU_V3:
        return &kernels_v3;
    case CPU_V4:
        return &kernels_v4;
#endif
    default:
        return NULL;
    }
}

static const struct kernels *_Atomic chosen; /* threads may race to the same answer */

const struct kernels *kernels(void)
{
    const struct kernels *table = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!table) {
        table = table_of(cpu_isa());
        atomic_store_explicit(&chosen, table, memory_order_relaxed);
    }
    return table;
}

bool kernels_select(enum cpu_isa isa)
{
    if (!table_of(isa))
        return false;
    atomic_store_explicit(&chosen, table_of(isa), memory_order_relaxed);
    return true;
}
