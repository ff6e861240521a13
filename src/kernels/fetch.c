#include "kernels/fetch.h"

#define FETCH_BYTES   ((size_t)1 << 20)
#define FETCH_STEP    16 /* floats of a cache line */
#define FETCH_COLUMNS (4 * FETCH_STEP)

/* Of a byte, for what is there need not be a float yet. */
static unsigned fetch_line(const float *from)
{
    return *(const unsigned char *)from;
}

bool fetch_pays(size_t floats)
{
    return floats * sizeof(float) > FETCH_BYTES;
}

void fetch_rows(const float *from, const ptrdiff_t *at, int rows, int columns)
{
    unsigned sum = 0;
    if (columns < FETCH_COLUMNS)
        return;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j += FETCH_STEP)
            sum += fetch_line(from + at[i] + j);
    volatile unsigned read = sum; /* so that the compiler leaves the loads */
    (void)read;
}
