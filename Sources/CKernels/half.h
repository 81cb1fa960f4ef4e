#ifndef CAPLET_HALF_H
#define CAPLET_HALF_H

#include <stdint.h>
#include <string.h>

// One IEEE half, for the kernels that meet halves among other things.

static inline float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// Exact: the exponent is moved by a multiplication, which normalises denormals on the way.
static inline float f32_of_f16(uint16_t half) {
    uint32_t magnitude = (uint32_t)(half & 0x7FFFu) << 13;
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t finite = bits_of(float_of(magnitude) * float_of(0x77800000u));
    uint32_t special = magnitude | 0x7F800000u;
    return float_of(sign | ((half & 0x7C00u) == 0x7C00u ? special : finite));
}

// Round to nearest even in integers for normals; denormals by an addition that aligns the mantissa.
static inline uint16_t f16_of_f32(float value) {
    uint32_t bits = bits_of(value);
    uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t magnitude = bits & 0x7FFFFFFFu;
    uint32_t normal = (magnitude + 0xC8000FFFu + ((magnitude >> 13) & 1u)) >> 13;
    uint32_t denormal = bits_of(float_of(magnitude) + 0.5f) - 0x3F000000u;
    uint32_t nan = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
    uint32_t result = magnitude < 0x38800000u ? denormal : normal;
    result = magnitude >= 0x477FF000u ? 0x7C00u : result;
    result = magnitude > 0x7F800000u ? nan : result;
    return (uint16_t)(sign | result);
}

// At any address, little-endian as everything in a file of blocks.
static inline float f32_of_f16_at(const uint8_t *bytes) {
    return f32_of_f16((uint16_t)(bytes[0] | bytes[1] << 8));
}

static inline void put_f16_of_f32(float value, uint8_t *bytes) {
    uint16_t half = f16_of_f32(value);
    bytes[0] = (uint8_t)half;
    bytes[1] = (uint8_t)(half >> 8);
}

#endif
