#include "CKernels.h"
#include "dispatch.h"
#include "half.h"

// Every product and sum is rounded on its own, as the reference does it.
#pragma STDC FP_CONTRACT OFF

// Superblocks of 256 elements: sub-blocks with small integer scales under one or two halves.
enum { ELEMENTS = 256 };

// Two bits of element i: 128 elements lie in 32 bytes, the lowest bits of all 32 first.
static inline unsigned two_bits(const uint8_t *codes, int i) { return codes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3u; }

// Four bits of element i: 64 elements lie in 32 bytes, low nibbles first.
static inline unsigned four_bits(const uint8_t *codes, int i) { return codes[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15u; }

// One bit of element i: 256 elements lie in 32 bytes, bit 0 of all 32 first.
static inline unsigned one_bit(const uint8_t *bits, int i) { return bits[i % 32] >> (i / 32) & 1u; }

CAPLET_DISPATCH
void caplet_q2_k_decode(const uint8_t *blocks, float *out, size_t count) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 84, out += ELEMENTS) {
        const uint8_t *scales = blocks, *codes = blocks + 16;
        float d = f32_of_f16_at(blocks + 80), dmin = f32_of_f16_at(blocks + 82);
        for (int g = 0; g < 16; g++) {
            float scale = d * (float)(scales[g] & 15), minimum = dmin * (float)(scales[g] >> 4);
            for (int i = g * 16; i < g * 16 + 16; i++) out[i] = scale * (float)two_bits(codes, i) - minimum;
        }
    }
}

CAPLET_DISPATCH
void caplet_q3_k_decode(const uint8_t *blocks, float *out, size_t count) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 110, out += ELEMENTS) {
        const uint8_t *high = blocks, *codes = blocks + 32, *scales = blocks + 96;
        float d = f32_of_f16_at(blocks + 108);
        for (int g = 0; g < 16; g++) {
            unsigned low4 = scales[g % 8] >> (g / 8 * 4) & 15u, high2 = scales[8 + g % 4] >> (g / 4 * 2) & 3u;
            float scale = d * (float)((int)(low4 | high2 << 4) - 32);
            // The high bit is stored inverted.
            for (int i = g * 16; i < g * 16 + 16; i++) {
                out[i] = scale * (float)((int)two_bits(codes, i) - (one_bit(high, i) ? 0 : 4));
            }
        }
    }
}

// The 6-bit scale and minimum of sub-block g of eight, in 12 bytes.
static inline void scale_and_minimum(const uint8_t *s, int g, unsigned *scale, unsigned *minimum) {
    if (g < 4) {
        *scale = s[g] & 63u;
        *minimum = s[g + 4] & 63u;
    } else {
        *scale = (s[g + 4] & 15u) | (s[g - 4] >> 6) << 4;
        *minimum = (unsigned)(s[g + 4] >> 4) | (s[g] >> 6) << 4;
    }
}

CAPLET_DISPATCH
void caplet_q4_k_decode(const uint8_t *blocks, float *out, size_t count) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 144, out += ELEMENTS) {
        const uint8_t *codes = blocks + 16;
        float d = f32_of_f16_at(blocks), dmin = f32_of_f16_at(blocks + 2);
        for (int g = 0; g < 8; g++) {
            unsigned s, m;
            scale_and_minimum(blocks + 4, g, &s, &m);
            float scale = d * (float)s, minimum = dmin * (float)m;
            for (int i = g * 32; i < g * 32 + 32; i++) out[i] = scale * (float)four_bits(codes, i) - minimum;
        }
    }
}

CAPLET_DISPATCH
void caplet_q5_k_decode(const uint8_t *blocks, float *out, size_t count) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 176, out += ELEMENTS) {
        const uint8_t *high = blocks + 16, *codes = blocks + 48;
        float d = f32_of_f16_at(blocks), dmin = f32_of_f16_at(blocks + 2);
        for (int g = 0; g < 8; g++) {
            unsigned s, m;
            scale_and_minimum(blocks + 4, g, &s, &m);
            float scale = d * (float)s, minimum = dmin * (float)m;
            for (int i = g * 32; i < g * 32 + 32; i++) {
                out[i] = scale * (float)(four_bits(codes, i) | one_bit(high, i) << 4) - minimum;
            }
        }
    }
}

CAPLET_DISPATCH
void caplet_q6_k_decode(const uint8_t *blocks, float *out, size_t count) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 210, out += ELEMENTS) {
        const uint8_t *low = blocks, *high = blocks + 128;
        const int8_t *scales = (const int8_t *)(blocks + 192);
        float d = f32_of_f16_at(blocks + 208);
        for (int g = 0; g < 16; g++) {
            float scale = d * (float)scales[g];
            for (int i = g * 16; i < g * 16 + 16; i++) {
                // 128 elements in 64 bytes here, low nibbles first.
                unsigned four = low[i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4) & 15u;
                out[i] = scale * (float)((int)(four | two_bits(high, i) << 4) - 32);
            }
        }
    }
}
