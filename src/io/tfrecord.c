#include "io/tfrecord.h"

#define CRC_POLYNOMIAL 0x82f63b78u /* of CRC-32C, its bits reversed */
#define CRC_MASK_ADD   0xa282ead8u

/* A bit at a time: a few kilobytes are written at each log line. */
uint32_t tfrecord_crc32c(const void *data, size_t bytes)
{
    const uint8_t *byte = data;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= byte[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC_POLYNOMIAL : 0);
    }
    return ~crc;
}

uint32_t tfrecord_mask(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + CRC_MASK_ADD;
}

static void tfrecord_put(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

void tfrecord_frame(uint8_t *record, size_t bytes)
{
    uint8_t *data = record + TFRECORD_HEAD;
    tfrecord_put(record, bytes, 8);
    tfrecord_put(record + 8, tfrecord_mask(tfrecord_crc32c(record, 8)), 4);
    tfrecord_put(data + bytes, tfrecord_mask(tfrecord_crc32c(data, bytes)), 4);
}
