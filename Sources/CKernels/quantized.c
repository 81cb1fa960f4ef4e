#include "CKernels.h"
#include "dispatch.h"

CAPLET_DISPATCH
void caplet_dequantize_i8(const int8_t *codes, float scale, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = (float)codes[i] * scale;
}

CAPLET_DISPATCH
void caplet_dequantize_u8(const uint8_t *codes, float scale, float zero, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) out[i] = ((float)codes[i] - zero) * scale;
}
