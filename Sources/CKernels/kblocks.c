#include "CKernels.h"
#include "codes.h"
#include "dispatch.h"
#include "half.h"

// Superblocks of 256 elements: sub-blocks with small integer scales under one or two halves.
enum { ELEMENTS = 256 };

// The codes of a block are first taken apart, in loops over bytes side by side that shift all of them alike, and then scaled.

// Two bits an element: 128 elements lie in 32 bytes, the lowest bits of all 32 first.
static inline __attribute__((always_inline)) void unpack_two_bits(const uint8_t *in, uint8_t *codes) {
    for (int half = 0; half < 2; half++) {
        for (int k = 0; k < 4; k++) {
            for (int i = 0; i < 32; i++) codes[half * 128 + k * 32 + i] = in[half * 32 + i] >> (2 * k) & 3;
        }
    }
}

// Four bits an element: 2 * run elements lie in run bytes, low nibbles first.
static inline __attribute__((always_inline)) void unpack_nibbles(const uint8_t *in, uint8_t *codes, int run) {
    for (int k = 0; k < ELEMENTS / 2 / run; k++) {
        for (int i = 0; i < run; i++) codes[2 * k * run + i] = in[k * run + i] & 15;
        for (int i = 0; i < run; i++) codes[(2 * k + 1) * run + i] = in[k * run + i] >> 4;
    }
}

// One bit an element, 256 elements in 32 bytes, bit 0 of all 32 first; put over the codes as the bit of that value.
static inline __attribute__((always_inline)) void add_one_bit(const uint8_t *in, uint8_t *codes, uint8_t value) {
    for (int k = 0; k < 8; k++) {
        for (int i = 0; i < 32; i++) codes[k * 32 + i] |= (in[i] >> k & 1) ? value : 0;
    }
}

CAPLET_KERNEL(void, caplet_q2_k_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    uint8_t codes[ELEMENTS];
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 84, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks + 80), dmin = f32_of_f16_at(blocks + 82);
        unpack_two_bits(blocks + 16, codes);
        for (int g = 0; g < 16; g++) {
            put_affine(codes + g * 16, d * (float)(blocks[g] & 15), dmin * (float)(blocks[g] >> 4), out + g * 16, 16);
        }
    }
}

CAPLET_KERNEL(void, caplet_q3_k_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    uint8_t codes[ELEMENTS];
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 110, out += ELEMENTS) {
        const uint8_t *scales = blocks + 96;
        float d = f32_of_f16_at(blocks + 108);
        unpack_two_bits(blocks + 32, codes);
        // Codes are three bits less 4: the high bit is stored inverted.
        add_one_bit(blocks, codes, 4);
        for (int g = 0; g < 16; g++) {
            unsigned low4 = scales[g % 8] >> (g / 8 * 4) & 15u, high2 = scales[8 + g % 4] >> (g / 4 * 2) & 3u;
            float scale = d * (float)((int)(low4 | high2 << 4) - 32);
            put_symmetric(codes + g * 16, scale, 4, out + g * 16, 16);
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

CAPLET_KERNEL(void, caplet_q4_k_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    uint8_t codes[ELEMENTS];
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 144, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks), dmin = f32_of_f16_at(blocks + 2);
        unpack_nibbles(blocks + 16, codes, 32);
        for (int g = 0; g < 8; g++) {
            unsigned s, m;
            scale_and_minimum(blocks + 4, g, &s, &m);
            put_affine(codes + g * 32, d * (float)s, dmin * (float)m, out + g * 32, 32);
        }
    }
}

CAPLET_KERNEL(void, caplet_q5_k_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    uint8_t codes[ELEMENTS];
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 176, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks), dmin = f32_of_f16_at(blocks + 2);
        unpack_nibbles(blocks + 48, codes, 32);
        add_one_bit(blocks + 16, codes, 16);
        for (int g = 0; g < 8; g++) {
            unsigned s, m;
            scale_and_minimum(blocks + 4, g, &s, &m);
            put_affine(codes + g * 32, d * (float)s, dmin * (float)m, out + g * 32, 32);
        }
    }
}

CAPLET_KERNEL(void, caplet_q6_k_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    uint8_t codes[ELEMENTS], high[ELEMENTS];
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 210, out += ELEMENTS) {
        const int8_t *scales = (const int8_t *)(blocks + 192);
        float d = f32_of_f16_at(blocks + 208);
        unpack_nibbles(blocks, codes, 64);
        unpack_two_bits(blocks + 128, high);
        for (int i = 0; i < ELEMENTS; i++) codes[i] |= (uint8_t)(high[i] << 4);
        for (int g = 0; g < 16; g++) put_symmetric(codes + g * 16, d * (float)scales[g], 32, out + g * 16, 16);
    }
}
