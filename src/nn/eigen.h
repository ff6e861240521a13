/* eigen: the eigenvalues and eigenvectors of a small symmetric matrix. */
#ifndef LOCKSTEP_NN_EIGEN_H
#define LOCKSTEP_NN_EIGEN_H

/*
 * a (n, n), symmetric, becomes diagonal: a = V diag(value) V^T. value (n), the largest
 * first; row i of vector (n, n) is the i-th eigenvector, of length 1, its element of the
 * largest size positive.
 *
 * Cyclic Jacobi rotations (G. Golub and C. Van Loan, "Matrix computations", section 8.5),
 * in double, in a fixed order: the same bits on every machine.
 */
void eigen_symmetric(int n, double *a, double *value, double *vector);

#endif
