/*
 * bytes: a number of bytes as messages print it: "850 bytes", "5.43 kB", "1.20 GB". Three
 * digits, so that a small size is never "0.00"; powers of 1000.
 */
#ifndef LOCKSTEP_BASE_BYTES_H
#define LOCKSTEP_BASE_BYTES_H

struct bytes_text {
    char text[16];
};

/* As an argument of printf: bytes_text(size).text, valid until the end of the
   statement. */
struct bytes_text bytes_text(double bytes);

#endif
