#include "CKernels.h"
#include "codes.h"
#include "dispatch.h"
#include "half.h"

#include <math.h>
#include <string.h>

enum { ELEMENTS = 32, HALF = ELEMENTS / 2 };

// Low nibbles are the first 16 elements, high nibbles the others.
static inline unsigned nibble(const uint8_t *codes, int i) { return i < HALF ? codes[i] & 15u : codes[i - HALF] >> 4; }

// Codes of five bits: nibbles, and a word with the fifth bit of each element.
static inline void five_bits(const uint8_t *fifths, const uint8_t *nibbles, uint8_t *codes) {
    uint32_t word = fifths[0] | (uint32_t)fifths[1] << 8 | (uint32_t)fifths[2] << 16 | (uint32_t)fifths[3] << 24;
    for (int i = 0; i < HALF; i++) codes[i] = nibbles[i] & 15;
    for (int i = 0; i < HALF; i++) codes[i + HALF] = nibbles[i] >> 4;
    for (int k = 0; k < ELEMENTS / 8; k++) {
        // Each bit of a byte to a byte of its own.
        uint64_t spread = (word >> (8 * k) & 255u) * 0x0101010101010101u & 0x8040201008040201u;
        uint64_t fifth = ((spread + 0x00406070787C7E7Fu) >> 3) & 0x1010101010101010u;
        uint64_t low;
        memcpy(&low, codes + k * 8, sizeof low);
        low |= fifth;
        memcpy(codes + k * 8, &low, sizeof low);
    }
}

CAPLET_KERNEL(void, caplet_q4_0_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 18, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks);
        for (int i = 0; i < ELEMENTS; i++) out[i] = d * (float)((int)nibble(blocks + 2, i) - 8);
    }
}

CAPLET_KERNEL(void, caplet_q4_1_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 20, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks), m = f32_of_f16_at(blocks + 2);
        for (int i = 0; i < ELEMENTS; i++) out[i] = d * (float)nibble(blocks + 4, i) + m;
    }
}

CAPLET_KERNEL(void, caplet_q5_0_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 22, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks);
        uint8_t codes[ELEMENTS];
        five_bits(blocks + 2, blocks + 6, codes);
        put_symmetric(codes, d, 16, out, ELEMENTS);
    }
}

CAPLET_KERNEL(void, caplet_q5_1_decode, (const uint8_t *blocks, float *out, size_t count), (blocks, out, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, blocks += 24, out += ELEMENTS) {
        float d = f32_of_f16_at(blocks), m = f32_of_f16_at(blocks + 2);
        uint8_t codes[ELEMENTS];
        five_bits(blocks + 4, blocks + 8, codes);
        put_offset(codes, d, m, out, ELEMENTS);
    }
}

// 1 / d; 0 where that is not finite: the scale is 0 as a half then, and codes mean nothing.
static inline float inverse_of(float d) {
    float inverse = d != 0 ? 1.0f / d : 0.0f;
    return isfinite(inverse) ? inverse : 0.0f;
}

// The element farthest from 0, the first of equals. Bits without the sign order finite magnitudes.
static inline float extreme(const float *x) {
    uint32_t magnitudes[ELEMENTS], largest = 0, first = ELEMENTS;
    memcpy(magnitudes, x, sizeof magnitudes);
    for (int i = 0; i < ELEMENTS; i++) magnitudes[i] &= 0x7FFFFFFFu;
    for (int i = 0; i < ELEMENTS; i++) largest = magnitudes[i] > largest ? magnitudes[i] : largest;
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        uint32_t place = magnitudes[i] == largest ? i : ELEMENTS;
        first = place < first ? place : first;
    }
    return x[first];
}

static inline void put_nibbles(const uint8_t *codes, uint8_t *out) {
    for (int i = 0; i < HALF; i++) out[i] = (uint8_t)((codes[i] & 15u) | (codes[i + HALF] & 15u) << 4);
}

static inline void put_fifth_bits(const uint8_t *codes, uint8_t *out) {
    for (int k = 0; k < ELEMENTS / 8; k++) {
        unsigned byte = 0;
        for (int i = 0; i < 8; i++) byte |= (unsigned)(codes[k * 8 + i] >> 4) << i;
        out[k] = (uint8_t)byte;
    }
}

// trunc(x / d + half the range + 1/2), d such that the extreme is the lowest code.
static inline unsigned symmetric_code(float x, float inverse, int half) {
    int code = (int)(x * inverse + ((float)half + 0.5f));
    return (unsigned)(code < 2 * half ? code : 2 * half - 1);
}

// codes = trunc((x - min) / d + 1/2), d such that they reach top. Returns d.
static inline float offset_codes(const float *x, uint8_t *codes, int top, float *minimum) {
    float low = x[0], high = x[0];
    for (int i = 1; i < ELEMENTS; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    float d = (high - low) / (float)top, inverse = inverse_of(d);
    // Values whose range no float holds are refused by whoever sees the infinite scale.
    if (!isfinite(d)) inverse = 0;
    for (int i = 0; i < ELEMENTS; i++) {
        float scaled = inverse != 0 ? (x[i] - low) * inverse : 0.0f;
        int code = (int)(scaled + 0.5f);
        codes[i] = (uint8_t)(code < top ? code : top);
    }
    *minimum = low;
    return d;
}

CAPLET_KERNEL(void, caplet_q4_0_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    for (size_t b = 0; b < count / ELEMENTS; b++, in += ELEMENTS, blocks += 18) {
        float d = extreme(in) / -8.0f, inverse = inverse_of(d);
        put_f16_of_f32(d, blocks);
        // In one expression: codes that go by memory are waited for.
        for (int i = 0; i < HALF; i++) {
            blocks[2 + i] = (uint8_t)(symmetric_code(in[i], inverse, 8) | symmetric_code(in[i + HALF], inverse, 8) << 4);
        }
    }
}

CAPLET_KERNEL(void, caplet_q4_1_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    uint8_t codes[ELEMENTS];
    float minimum;
    for (size_t b = 0; b < count / ELEMENTS; b++, in += ELEMENTS, blocks += 20) {
        put_f16_of_f32(offset_codes(in, codes, 15, &minimum), blocks);
        put_f16_of_f32(minimum, blocks + 2);
        put_nibbles(codes, blocks + 4);
    }
}

CAPLET_KERNEL(void, caplet_q5_0_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    uint8_t codes[ELEMENTS];
    for (size_t b = 0; b < count / ELEMENTS; b++, in += ELEMENTS, blocks += 22) {
        float d = extreme(in) / -16.0f, inverse = inverse_of(d);
        put_f16_of_f32(d, blocks);
        for (int i = 0; i < ELEMENTS; i++) codes[i] = (uint8_t)symmetric_code(in[i], inverse, 16);
        put_fifth_bits(codes, blocks + 2);
        put_nibbles(codes, blocks + 6);
    }
}

CAPLET_KERNEL(void, caplet_q5_1_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    uint8_t codes[ELEMENTS];
    float minimum;
    for (size_t b = 0; b < count / ELEMENTS; b++, in += ELEMENTS, blocks += 24) {
        put_f16_of_f32(offset_codes(in, codes, 31, &minimum), blocks);
        put_f16_of_f32(minimum, blocks + 2);
        put_fifth_bits(codes, blocks + 4);
        put_nibbles(codes, blocks + 8);
    }
}
