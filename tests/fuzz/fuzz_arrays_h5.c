/* Named arrays in HDF5 files. Input: the file. */
#include "fuzz_arrays.h"
#include "fuzz_h5.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_arrays(data, size);
    return 0;
}
