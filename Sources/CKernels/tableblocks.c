#include "CKernels.h"
#include "dispatch.h"
#include "half.h"

// Every product is rounded on its own, as the reference does it.
#pragma STDC FP_CONTRACT OFF

// Ternary digits: -1, 0, 1.
enum { TERNARY_ELEMENTS = 256 };

// Digit k of a byte that is a fraction in base 3, most significant first, less 1.
static inline float ternary(uint8_t byte, uint8_t power) { return (float)((uint8_t)(byte * power) * 3 / 256 - 1); }

CAPLET_KERNEL(void, caplet_tq1_0_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    for (size_t b = 0; b < count / TERNARY_ELEMENTS; b++, blocks += 54, out += TERNARY_ELEMENTS) {
        float d = f32_of_f16_at(blocks + 52);
        // 5 digits in each of 32 bytes, then of 16; 4 in each of the last 4.
        for (int i = 0; i < 160; i++) out[i] = d * ternary(blocks[i % 32], powers[i / 32]);
        for (int i = 0; i < 80; i++) out[160 + i] = d * ternary(blocks[32 + i % 16], powers[i / 16]);
        for (int i = 0; i < 16; i++) out[240 + i] = d * ternary(blocks[48 + i % 4], powers[i / 4]);
    }
}

CAPLET_KERNEL(void, caplet_tq2_0_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / TERNARY_ELEMENTS; b++, blocks += 66, out += TERNARY_ELEMENTS) {
        float d = f32_of_f16_at(blocks + 64);
        for (int i = 0; i < TERNARY_ELEMENTS; i++) {
            out[i] = d * (float)((blocks[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3) - 1);
        }
    }
}

// Sixteen values a nibble stands for, in blocks of 32: low nibbles are the first 16 elements.
enum { TABLE_ELEMENTS = 32 };

static const float e2m1_doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
static const float nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static inline void look_up(const uint8_t *codes, const float *table, float scale, float *out) {
    for (int i = 0; i < 16; i++) {
        out[i] = scale * table[codes[i] & 15];
        out[i + 16] = scale * table[codes[i] >> 4];
    }
}

CAPLET_KERNEL(void, caplet_mxfp4_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / TABLE_ELEMENTS; b++, blocks += 17, out += TABLE_ELEMENTS) {
        // Half of 2^(e - 127), since the table's values are doubled; denormal for the least two.
        uint32_t e = blocks[0];
        look_up(blocks + 1, e2m1_doubled, float_of(e < 2 ? 0x00200000u << e : (e - 1) << 23), out);
    }
}

// Half of an unsigned E4M3, since the table's values are doubled. The sign bit means nothing, and 0x7F is 0.
static inline float half_of_e4m3(uint8_t byte) {
    int exponent = byte >> 3 & 15, mantissa = byte & 7;
    if (byte == 0x7F) return 0;
    return exponent == 0 ? (float)mantissa * 0x1p-10f : (float)(8 + mantissa) * 0x1p-3f * float_of((uint32_t)(exponent - 8 + 127) << 23);
}

// Four scales, then four times 16 elements: low nibbles are the first 8.
CAPLET_KERNEL(void, caplet_nvfp4_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / 64; b++, blocks += 36, out += 64) {
        for (int g = 0; g < 4; g++) {
            float scale = half_of_e4m3(blocks[g]);
            const uint8_t *codes = blocks + 4 + g * 8;
            for (int i = 0; i < 8; i++) {
                out[g * 16 + i] = scale * e2m1_doubled[codes[i] & 15];
                out[g * 16 + 8 + i] = scale * e2m1_doubled[codes[i] >> 4];
            }
        }
    }
}

CAPLET_KERNEL(void, caplet_iq4_nl_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / TABLE_ELEMENTS; b++, blocks += 18, out += TABLE_ELEMENTS) {
        look_up(blocks + 2, nonlinear, f32_of_f16_at(blocks), out);
    }
}

CAPLET_KERNEL(void, caplet_iq4_xs_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / 256; b++, blocks += 136, out += 256) {
        float d = f32_of_f16_at(blocks);
        unsigned high = blocks[2] | (unsigned)blocks[3] << 8;
        for (int g = 0; g < 8; g++) {
            unsigned low4 = blocks[4 + g / 2] >> (g % 2 * 4) & 15u, high2 = high >> (2 * g) & 3u;
            look_up(blocks + 8 + g * 16, nonlinear, d * (float)((int)(low4 | high2 << 4) - 32), out + g * TABLE_ELEMENTS);
        }
    }
}
