/* matrix: the part of a larger array that an inner loop works on. */
#ifndef LOCKSTEP_KERNELS_MATRIX_H
#define LOCKSTEP_KERNELS_MATRIX_H

/* Items [begin, end). */
struct span {
    int begin, end;
};

/* rows x columns values; ld: floats from row to row. */
struct matrix {
    int rows, columns, ld;
};

#endif
