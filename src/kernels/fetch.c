#include "kernels/fetch.h"

#define FETCH_BYTES   ((size_t)1 << 20)
#define FETCH_STEP    16 /* floats of a cache line */
#define FETCH_COLUMNS (4 * FETCH_STEP)

/* Where what was read goes, so that the compiler leaves the loads. */
static void fetch_end(unsigned sum)
{
    volatile unsigned read = sum;
    (void)read;
}

/* Of a byte, for what is there need not be a float yet. */
static unsigned fetch_line(const float *from)
{
    return *(const unsigned char *)from;
}

bool fetch_pays(size_t floats)
{
    return floats * sizeof(float) > FETCH_BYTES;
}

void fetch_floats(const float *from, size_t floats)
{
    unsigned sum = 0;
    for (size_t i = 0; i < floats; i += FETCH_STEP)
        sum += fetch_line(from + i);
    fetch_end(sum);
}

void fetch_rows(const float *from, const ptrdiff_t *at, int rows, int columns)
{
    unsigned sum = 0;
    if (columns < FETCH_COLUMNS)
        return;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j += FETCH_STEP)
            sum += fetch_line(from + at[i] + j);
    fetch_end(sum);
}
