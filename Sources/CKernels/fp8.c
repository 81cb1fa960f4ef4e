#include <math.h>
#include <string.h>

#include "CKernels.h"

/// An 8-bit float with `mantissa` bits of mantissa, without its special values.
static float decode(uint8_t code, int mantissa, int bias) {
    int exponent = (code & 0x7F) >> mantissa;
    int fraction = code & ((1 << mantissa) - 1);
    float value = exponent == 0 ? ldexpf((float)fraction, 1 - bias - mantissa)
                                : ldexpf((float)(fraction + (1 << mantissa)), exponent - bias - mantissa);
    return code & 0x80 ? -value : value;
}

static float with_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void caplet_f32_from_f8e4m3(const uint8_t *in, float *out, size_t count) {
    float table[256];
    for (int code = 0; code < 256; code++) table[code] = decode((uint8_t)code, 3, 7);
    table[0x7F] = with_bits(0x7FC00000);
    table[0xFF] = with_bits(0xFFC00000);
    for (size_t i = 0; i < count; i++) out[i] = table[in[i]];
}

void caplet_f32_from_f8e5m2(const uint8_t *in, float *out, size_t count) {
    float table[256];
    for (int code = 0; code < 256; code++) {
        table[code] = decode((uint8_t)code, 2, 15);
        if ((code & 0x7F) == 0x7C) table[code] = with_bits(0x7F800000u | (uint32_t)(code & 0x80) << 24);
        if ((code & 0x7F) > 0x7C) table[code] = with_bits(0x7FC00000u | (uint32_t)(code & 0x80) << 24);
    }
    for (size_t i = 0; i < count; i++) out[i] = table[in[i]];
}

/// The nearest code of `value`, ties to even, as if the exponent had no end above; the sign left out.
static inline uint32_t nearest(uint32_t magnitude, int mantissa, int bias) {
    int shift = 23 - mantissa;
    if (magnitude < (uint32_t)(127 + 1 - bias) << 23) {
        // Below the smallest normal: adding a power of two whose last bit weighs as much as the code's rounds as wanted.
        float power = with_bits((uint32_t)(127 + 1 - bias + shift) << 23);
        float sum = with_bits(magnitude) + power;
        uint32_t bits;
        memcpy(&bits, &sum, sizeof bits);
        return bits & 0xFF;
    }
    uint32_t rounded = magnitude + ((1u << (shift - 1)) - 1) + (magnitude >> shift & 1);
    return (rounded >> shift) - ((uint32_t)(127 - bias) << mantissa);
}

void caplet_f8e4m3_from_f32(const float *in, uint8_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, in + i, sizeof bits);
        uint32_t code = nearest(bits & 0x7FFFFFFF, 3, 7);
        // There are no infinities: what is too large is NaN, as NaN is.
        out[i] = (uint8_t)((bits >> 24 & 0x80) | (code > 0x7E ? 0x7F : code));
    }
}

void caplet_f8e5m2_from_f32(const float *in, uint8_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, in + i, sizeof bits);
        uint32_t magnitude = bits & 0x7FFFFFFF;
        uint32_t code = nearest(magnitude, 2, 15);
        if (code > 0x7C) code = 0x7C;
        if (magnitude > 0x7F800000) code = 0x7E;
        out[i] = (uint8_t)((bits >> 24 & 0x80) | code);
    }
}
