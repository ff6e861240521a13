/* arrays: numbers of a file become floats. */
#include <endian.h>
#include <string.h>

#include "arrays_impl.h"

#define FILL_NUMBERS 1024 /* converted at a time, if they are not in C order */

size_t arrays_type_size(enum array_type type)
{
    static const size_t size[] = {
        [ARRAY_F64] = 8, [ARRAY_F32] = 4, [ARRAY_F16] = 2, [ARRAY_BF16] = 2};
    return type == ARRAY_OTHER ? 0 : size[type];
}

static float convert_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction. */
static float convert_f16(uint16_t half)
{
    uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = half >> 10 & 31,
             fraction = half & 1023;
    if (exponent == 31) /* infinite, or not a number */
        return convert_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent > 0)
        return convert_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float value = (float)fraction * 0x1p-24f; /* exact */
    return sign ? -value : value;
}

static uint64_t convert_load(const uint8_t *bytes, size_t size, bool big_endian)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (size) {
    case 2:
        memcpy(&two, bytes, sizeof two);
        return big_endian ? be16toh(two) : le16toh(two);
    case 4:
        memcpy(&four, bytes, sizeof four);
        return big_endian ? be32toh(four) : le32toh(four);
    default:
        memcpy(&eight, bytes, sizeof eight);
        return big_endian ? be64toh(eight) : le64toh(eight);
    }
}

static float convert_f64(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

static void convert_numbers(const struct arrays_entry *entry, const uint8_t *bytes,
                            size_t count, float *values)
{
    enum array_type type = entry->array.type;
    size_t size = arrays_type_size(type);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = convert_load(bytes + i * size, size, entry->big_endian);
        values[i] = type == ARRAY_F64    ? convert_f64(bits)
                    : type == ARRAY_F32  ? convert_bits((uint32_t)bits)
                    : type == ARRAY_BF16 ? convert_bits((uint32_t)bits << 16)
                                         : convert_f16((uint16_t)bits);
    }
}

void arrays_fill_begin(struct arrays_fill *fill, const struct arrays_entry *entry,
                       float *values)
{
    *fill = (struct arrays_fill){.entry = entry, .values = values};
    size_t stride = 1;
    for (int i = entry->array.dims - 1; i >= 0; i--) {
        fill->stride[i] = stride;
        stride *= entry->array.dim[i];
    }
}

/* The first index moves fastest. */
static void fill_advance(struct arrays_fill *fill)
{
    const struct array *array = &fill->entry->array;
    for (int i = 0; i < array->dims; i++) {
        fill->at += fill->stride[i];
        if (++fill->index[i] < array->dim[i])
            return;
        fill->at -= fill->stride[i] * array->dim[i];
        fill->index[i] = 0;
    }
}

void arrays_fill_add(struct arrays_fill *fill, const uint8_t *bytes, size_t count)
{
    size_t size = arrays_type_size(fill->entry->array.type);
    ASSERT(count <= fill->entry->array.count - fill->done);
    if (!fill->entry->fortran)
        convert_numbers(fill->entry, bytes, count, fill->values + fill->done);
    for (size_t i = 0; fill->entry->fortran && i < count; i += FILL_NUMBERS) {
        float some[FILL_NUMBERS];
        size_t n = count - i < FILL_NUMBERS ? count - i : FILL_NUMBERS;
        convert_numbers(fill->entry, bytes + i * size, n, some);
        for (size_t j = 0; j < n; j++) {
            fill->values[fill->at] = some[j];
            fill_advance(fill);
        }
    }
    fill->done += count;
}
