#include "CKernels.h"
#include "dispatch.h"
#include "half.h"

CAPLET_KERNEL(void, caplet_f32_from_bf16, (const uint16_t *in, float *out, size_t count), (in, out, count)) {
    for (size_t i = 0; i < count; i++) out[i] = float_of((uint32_t)in[i] << 16);
}

CAPLET_KERNEL(void, caplet_bf16_from_f32, (const float *in, uint16_t *out, size_t count), (in, out, count)) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(in[i]);
        uint32_t rounded = (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
        uint32_t quiet = (bits >> 16) | 0x40u;
        out[i] = (uint16_t)((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
    }
}

CAPLET_KERNEL(void, caplet_f32_from_f16, (const uint16_t *in, float *out, size_t count), (in, out, count)) {
    for (size_t i = 0; i < count; i++) out[i] = f32_of_f16(in[i]);
}

CAPLET_KERNEL(void, caplet_f16_from_f32, (const float *in, uint16_t *out, size_t count), (in, out, count)) {
    for (size_t i = 0; i < count; i++) out[i] = f16_of_f32(in[i]);
}

CAPLET_KERNEL(int, caplet_has_exponent_16, (const void *words, uint16_t exponent, size_t count), (words, exponent, count)) {
    uint16_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t word;
        memcpy(&word, (const uint8_t *)words + 2 * i, sizeof word);
        found |= (word & exponent) == exponent;
    }
    return found;
}

CAPLET_KERNEL(int, caplet_has_exponent_32, (const void *words, uint32_t exponent, size_t count), (words, exponent, count)) {
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, (const uint8_t *)words + 4 * i, sizeof word);
        found |= (word & exponent) == exponent;
    }
    return (int)found;
}
