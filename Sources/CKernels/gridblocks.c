#include "CKernels.h"
#include "dispatch.h"
#include "grids.h"
#include "half.h"

// Every product and sum is rounded on its own, as the reference does it.
#pragma STDC FP_CONTRACT OFF

// Blocks of 256 elements whose codes are points of a grid: four or eight elements at a time, in most types without their signs.
enum { ELEMENTS = 256, POINTS = 8 };

static const float iq2_levels[4] = {8, 25, 43, 0};
static const float iq3_xxs_levels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
static const float iq3_s_levels[8] = {1, 3, 5, 7, 9, 11, 13, 15};

static inline unsigned sixteen_bits(const uint8_t *bytes) { return bytes[0] | (unsigned)bytes[1] << 8; }
static inline uint32_t word(const uint8_t *bytes) { return sixteen_bits(bytes) | (uint32_t)sixteen_bits(bytes + 2) << 16; }

// Seven bits of signs and an eighth that makes their number even.
static inline unsigned even_signs(unsigned seven) { return seven | (unsigned)(__builtin_popcount(seven) & 1) << 7; }

static inline float sign(unsigned signs, int k) { return signs >> k & 1u ? -1.0f : 1.0f; }

static inline void put_eight(float scale, unsigned point, unsigned signs, float *out) {
    for (int k = 0; k < 8; k++) out[k] = scale * iq2_levels[point >> (2 * k) & 3u] * sign(signs, k);
}

static inline void put_four(float scale, unsigned point, const float *levels, unsigned signs, float *out) {
    for (int k = 0; k < 4; k++) out[k] = scale * levels[point >> (3 * k) & 7u] * sign(signs, k);
}

// d, then for 32 elements 4 bytes of points and 4 x 7 bits of signs under 4 bits of scale.
CAPLET_KERNEL(void, caplet_iq2_xxs_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 66, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks);
        for (int g = 0; g < 8; g++) {
            const uint8_t *points = blocks + 2 + g * 8;
            uint32_t rest = word(points + 4);
            float scale = d * (0.5f + (float)(rest >> 28)) * 0.25f;
            for (int p = 0; p < 4; p++) {
                put_eight(scale, iq2_xxs_points[points[p]], even_signs(rest >> (7 * p) & 127u), out + g * 32 + p * 8);
            }
        }
    }
}

// d, then for 8 elements 9 bits of point and 7 of signs, then for 16 elements 4 bits of scale.
CAPLET_KERNEL(void, caplet_iq2_xs_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 74, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks);
        for (int p = 0; p < 32; p++) {
            float scale = d * (0.5f + (float)(blocks[66 + p / 4] >> (p / 2 % 2 * 4) & 15u)) * 0.25f;
            unsigned both = sixteen_bits(blocks + 2 + p * 2);
            put_eight(scale, iq2_xs_points[both & 511u], even_signs(both >> 9), out + p * 8);
        }
    }
}

// d, low bytes of 32 points, their 8 signs each, their 2 high bits each, then for 16 elements 4 bits of scale.
CAPLET_KERNEL(void, caplet_iq2_s_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 82, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks);
        for (int p = 0; p < 32; p++) {
            float scale = d * (0.5f + (float)(blocks[74 + p / 4] >> (p / 2 % 2 * 4) & 15u)) * 0.25f;
            unsigned high = blocks[66 + p / 4] >> (p % 4 * 2) & 3u;
            put_eight(scale, iq2_s_points[blocks[2 + p] | high << 8], blocks[34 + p], out + p * 8);
        }
    }
}

// d, 64 points, then for 32 elements 4 x 7 bits of signs under 4 bits of scale.
CAPLET_KERNEL(void, caplet_iq3_xxs_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 98, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks);
        for (int g = 0; g < 8; g++) {
            const uint8_t *points = blocks + 2 + g * POINTS;
            uint32_t rest = word(blocks + 66 + g * 4);
            float scale = d * (0.5f + (float)(rest >> 28)) * 0.5f;
            for (int p = 0; p < POINTS; p++) {
                unsigned signs = even_signs(rest >> (p / 2 * 7) & 127u) >> (p % 2 * 4);
                put_four(scale, iq3_xxs_points[points[p]], iq3_xxs_levels, signs, out + g * 32 + p * 4);
            }
        }
    }
}

// d, low bytes of 64 points, a high bit each, 256 signs, then for 32 elements 4 bits of scale.
CAPLET_KERNEL(void, caplet_iq3_s_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 110, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks);
        for (int p = 0; p < 64; p++) {
            float scale = d * (float)(1u + 2u * (blocks[106 + p / 16] >> (p / 8 % 2 * 4) & 15u));
            unsigned high = blocks[66 + p / 8] >> (p % 8) & 1u, signs = blocks[74 + p / 2] >> (p % 2 * 4);
            put_four(scale, iq3_s_points[blocks[2 + p] | high << 8], iq3_s_levels, signs, out + p * 4);
        }
    }
}

// A ternary point, all of it moved by an eighth.
static inline void put_ternary(float scale, unsigned point, float shift, float *out) {
    for (int k = 0; k < 8; k++) out[k] = scale * ((float)((int)(point >> (2 * k) & 3u) - 1) + shift);
}

// d, low bytes of 32 points, then for 32 elements 4 x 3 high bits, 3 bits of scale and the sign of the shift.
CAPLET_KERNEL(void, caplet_iq1_s_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 50, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks);
        for (int p = 0; p < 32; p++) {
            unsigned rest = sixteen_bits(blocks + 34 + p / 4 * 2), high = rest >> (p % 4 * 3) & 7u;
            float scale = d * (float)(2u * (rest >> 12 & 7u) + 1u);
            put_ternary(scale, iq1_points[blocks[2 + p] | high << 8], rest >> 15 ? -0.125f : 0.125f, out + p * 8);
        }
    }
}

// Low bytes of 32 points, 3 high bits and the sign of the shift each, then four words: 4 x 3 bits of scale for 16 elements each,
// under four bits of d.
CAPLET_KERNEL(void, caplet_iq1_m_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 56, out += ELEMENTS) {
        unsigned half = 0;
        for (int k = 0; k < 4; k++) half |= sixteen_bits(blocks + 48 + k * 2) >> 12 << (4 * k);
        float d = f32_of_f16((uint16_t)half);
        for (int p = 0; p < 32; p++) {
            unsigned rest = blocks[32 + p / 2] >> (p % 2 * 4);
            float scale = d * (float)(2u * (sixteen_bits(blocks + 48 + p / 8 * 2) >> (p / 2 % 4 * 3) & 7u) + 1u);
            put_ternary(scale, iq1_points[blocks[p] | (rest & 7u) << 8], rest & 8u ? -0.125f : 0.125f, out + p * 8);
        }
    }
}
