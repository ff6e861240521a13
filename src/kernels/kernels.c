#include "kernels/kernels.h"

#include <stdatomic.h>

#include "base/status.h"
#include "kernels/lab.h"

/* What simd/table.c defines for each instruction set. */
#define TABLES(level)                            \
    extern const struct kernels kernels_##level; \
    extern const struct lab_kernels lab_kernels_##level
TABLES(plain);
#if defined(__x86_64__)
TABLES(v2);
TABLES(v3);
TABLES(v4);
#endif

static const struct {
    const struct kernels *kernels;
    const struct lab_kernels *lab;
} kernels_of_isa[] = {
    [CPU_PLAIN] = {&kernels_plain, &lab_kernels_plain},
#if defined(__x86_64__)
    [CPU_V2] = {&kernels_v2, &lab_kernels_v2},
    [CPU_V3] = {&kernels_v3, &lab_kernels_v3},
    [CPU_V4] = {&kernels_v4, &lab_kernels_v4},
#endif
};
#define ISAS (sizeof kernels_of_isa / sizeof kernels_of_isa[0])

/* Several threads may choose at once: they choose the same. */
static const struct kernels *_Atomic kernels_chosen;

const struct kernels *kernels(void)
{
    const struct kernels *table =
        atomic_load_explicit(&kernels_chosen, memory_order_relaxed);
    if (!table) {
        table = kernels_of_isa[cpu_isa()].kernels;
        atomic_store_explicit(&kernels_chosen, table, memory_order_relaxed);
    }
    return table;
}

bool kernels_select(enum cpu_isa isa)
{
    if ((size_t)isa >= ISAS)
        return false;
    atomic_store_explicit(&kernels_chosen, kernels_of_isa[isa].kernels,
                          memory_order_relaxed);
    return true;
}

const struct lab_kernels *lab_kernels(void)
{
    size_t isa = 0;
    while (isa < ISAS && kernels_of_isa[isa].kernels != kernels())
        isa++;
    ASSERT(isa < ISAS);
    return kernels_of_isa[isa].lab;
}
