/* Named arrays in .npz archives. Input: the file. */
#include "fuzz_arrays.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_arrays(data, size);
    return 0;
}
