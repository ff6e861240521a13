/* The types of numbers, and how an array is stored. */
#include "h5_impl.h"

hid_t h5_memory_type(enum h5file_type type)
{
    switch (type) {
    case H5FILE_U8:
        return H5T_NATIVE_UINT8;
    case H5FILE_U16:
        return H5T_NATIVE_UINT16;
    case H5FILE_I32:
        return H5T_NATIVE_INT32;
    case H5FILE_I64:
        return H5T_NATIVE_INT64;
    case H5FILE_U64:
        return H5T_NATIVE_UINT64;
    case H5FILE_F32:
        return H5T_NATIVE_FLOAT;
    case H5FILE_F64:
        return H5T_NATIVE_DOUBLE;
    }
    ASSERT(!"a type of array");
    return H5I_INVALID_HID;
}

hid_t h5_file_type(enum h5file_type type)
{
    switch (type) {
    case H5FILE_U8:
        return H5T_STD_U8LE;
    case H5FILE_U16:
        return H5T_STD_U16LE;
    case H5FILE_I32:
        return H5T_STD_I32LE;
    case H5FILE_I64:
        return H5T_STD_I64LE;
    case H5FILE_U64:
        return H5T_STD_U64LE;
    case H5FILE_F32:
        return H5T_IEEE_F32LE;
    case H5FILE_F64:
        return H5T_IEEE_F64LE;
    }
    ASSERT(!"a type of array");
    return H5I_INVALID_HID;
}

size_t h5file_type_size(enum h5file_type type)
{
    static const size_t size[] = {1, 2, 4, 8, 8, 4, 8};
    return size[type];
}

/* HDF5 also knows numbers with padding and of any number of bits, and converts them
   badly: they are refused. */
bool h5_is_number(hid_t type)
{
    const hid_t plain[] = {
        H5T_STD_U8LE,  H5T_STD_U8BE,   H5T_STD_U16LE,  H5T_STD_U16BE,  H5T_STD_U32LE,
        H5T_STD_U32BE, H5T_STD_U64LE,  H5T_STD_U64BE,  H5T_STD_I8LE,   H5T_STD_I8BE,
        H5T_STD_I16LE, H5T_STD_I16BE,  H5T_STD_I32LE,  H5T_STD_I32BE,  H5T_STD_I64LE,
        H5T_STD_I64BE, H5T_IEEE_F32LE, H5T_IEEE_F32BE, H5T_IEEE_F64LE, H5T_IEEE_F64BE,
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (H5Tequal(type, plain[i]) > 0)
            return true;
    return false;
}

enum h5file_type h5_nearest_type(hid_t stored)
{
    size_t size = H5Tget_size(stored);
    if (H5Tget_class(stored) == H5T_FLOAT)
        return size <= 4 ? H5FILE_F32 : H5FILE_F64;
    if (H5Tget_sign(stored) != H5T_SGN_NONE)
        return size <= 4 ? H5FILE_I32 : H5FILE_I64;
    return size == 1 ? H5FILE_U8 : size == 2 ? H5FILE_U16 : H5FILE_U64;
}

bool h5_is_contiguous(hid_t array)
{
    hid_t list = H5Dget_create_plist(array);
    if (list < 0)
        return false;
    bool contiguous =
        H5Pget_layout(list) == H5D_CONTIGUOUS && H5Pget_external_count(list) == 0;
    H5Pclose(list);
    return contiguous;
}

bool h5_is_whole(const struct h5file *file, hid_t array, size_t count, size_t size)
{
    size_t bytes, end;
    haddr_t offset = H5Dget_offset(array);
    return offset != HADDR_UNDEF && !__builtin_mul_overflow(count, size, &bytes) &&
           H5Dget_storage_size(array) == bytes &&
           !__builtin_add_overflow(bytes, offset, &end) && end <= file->bytes;
}
