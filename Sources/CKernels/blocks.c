#include "CKernels.h"
#include "dispatch.h"
#include "half.h"

#include <math.h>
#include <string.h>

enum { Q8_0_ELEMENTS = 32, Q8_0_BYTES = 34 };

CAPLET_KERNEL(
    void, caplet_q8_0_split,
    (const uint8_t *blocks, int8_t *codes, uint16_t *scales, size_t count),
    (blocks, codes, scales, count)
) {
    for (size_t b = 0; b < count / Q8_0_ELEMENTS; b++) {
        memcpy(&scales[b], blocks + b * Q8_0_BYTES, 2);
        memcpy(codes + b * Q8_0_ELEMENTS, blocks + b * Q8_0_BYTES + 2, Q8_0_ELEMENTS);
    }
}

CAPLET_KERNEL(
    void, caplet_q8_0_join,
    (const int8_t *codes, const uint16_t *scales, uint8_t *blocks, size_t count),
    (codes, scales, blocks, count)
) {
    for (size_t b = 0; b < count / Q8_0_ELEMENTS; b++) {
        memcpy(blocks + b * Q8_0_BYTES, &scales[b], 2);
        memcpy(blocks + b * Q8_0_BYTES + 2, codes + b * Q8_0_ELEMENTS, Q8_0_ELEMENTS);
    }
}

CAPLET_KERNEL(void, caplet_q8_0_encode, (const float *in, int8_t *codes, uint16_t *scales, size_t count), (in, codes, scales, count)) {
    for (size_t b = 0; b < count / Q8_0_ELEMENTS; b++) {
        const float *x = in + b * Q8_0_ELEMENTS;
        // Bits without the sign order finite magnitudes, and the largest of integers is found many at a time.
        uint32_t most = 0;
        for (int i = 0; i < Q8_0_ELEMENTS; i++) {
            uint32_t magnitude;
            memcpy(&magnitude, &x[i], sizeof magnitude);
            magnitude &= 0x7FFFFFFFu;
            most = magnitude > most ? magnitude : most;
        }
        float largest;
        memcpy(&largest, &most, sizeof largest);
        float scale = largest / 127.0f;
        float inverse = scale != 0 ? 1.0f / scale : 0.0f;
        scales[b] = f16_of_f32(scale);
        for (int i = 0; i < Q8_0_ELEMENTS; i++) {
            float scaled = x[i] * inverse;
            // roundf, halves away from zero: the greatest float below a half is added, and the sum of it and a half is rounded up.
            codes[b * Q8_0_ELEMENTS + i] = (int8_t)(int)(scaled + copysignf(0x1.fffffep-2f, scaled));
        }
    }
}
