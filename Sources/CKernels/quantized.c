#include "CKernels.h"
#include "dispatch.h"

CAPLET_KERNEL(void, caplet_dequantize_i8, (const int8_t *codes, float scale, float *out, size_t count), (codes, scale, out, count)) {
    for (size_t i = 0; i < count; i++) out[i] = (float)codes[i] * scale;
}

CAPLET_KERNEL(
    void, caplet_dequantize_u8,
    (const uint8_t *codes, float scale, float zero, float *out, size_t count),
    (codes, scale, zero, out, count)
) {
    for (size_t i = 0; i < count; i++) out[i] = ((float)codes[i] - zero) * scale;
}

CAPLET_KERNEL(
    void, caplet_dequantize_groups,
    (const int8_t *codes, const float *scales, size_t size, float *out, size_t count),
    (codes, scales, size, out, count)
) {
    if (size == 32) {
        for (size_t g = 0; g < count / 32; g++) {
            for (int i = 0; i < 32; i++) out[g * 32 + i] = (float)codes[g * 32 + i] * scales[g];
        }
        return;
    }
    for (size_t g = 0; g < count / size; g++) {
        for (size_t i = 0; i < size; i++) out[g * size + i] = (float)codes[g * size + i] * scales[g];
    }
}
