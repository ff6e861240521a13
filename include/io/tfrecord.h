/*
 * tfrecord: the framing of TFRecord files, in which TensorFlow and TensorBoard keep
 * messages. A record is, little-endian:
 *
 *   uint64 length | uint32 masked CRC of the 8 bytes before | the bytes | uint32 masked
 *   CRC of the bytes
 *
 * The CRC is CRC-32C (Castagnoli, RFC 3720 appendix B.4), its mask that of TensorFlow's
 * record_writer: the CRC of bytes that hold CRCs would be a weak one.
 */
#ifndef LOCKSTEP_IO_TFRECORD_H
#define LOCKSTEP_IO_TFRECORD_H

#include <stddef.h>
#include <stdint.h>

#define TFRECORD_HEAD 12 /* bytes before those of a record */
#define TFRECORD_TAIL 4  /* and after them */

uint32_t tfrecord_crc32c(const void *data, size_t bytes);

/* crc turned right by 15 bits, plus a constant. */
uint32_t tfrecord_mask(uint32_t crc);

/* Fills in the head and the tail of a record whose bytes are already at
   record + TFRECORD_HEAD. */
void tfrecord_frame(uint8_t *record, size_t bytes);

#endif
