#include "CKernels.h"
#include "dispatch.h"
#include "half.h"
#include "lanes.h"

#include <math.h>
#include <string.h>

// Q4_0, Q5_0, Q8_0, IQ4_NL and IQ4_XS: x ≈ scale * level, one scale for 32 elements, of least weighted squared error.
//
// Eight runs of 32 side by side. Each tries scales of either sign that put its extreme at or around the outermost level, and solves for
// the scale by least squares. IQ4_XS has the eight of a super-block as 6-bit integers under one half, found as those of Q6_K are.

enum { SIZE = 32, SUPER = LANES * SIZE };

static const float nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Levels: integers from low to high, or those of the table.
typedef struct {
    float low, high;
    int is_table;
    // Places of the extreme that are tried, from `first` times low on, in steps.
    int trials;
    float first, step;
} level_type;

static const level_type q4_0 = {-8, 7, 0, 16, 0.84f, 0.02f}, q5_0 = {-16, 15, 0, 12, 0.9f, 0.015f}, q8_0 = {-127, 127, 0, 5, 0.99f, 0.005f},
                        iq4 = {-127, 113, 1, 18, 0.76f, 0.025f};

// The nearest level.
CAPLET_INLINE lanes level_of(lanes x, level_type type) {
    if (!type.is_table) return nearest(between(x, type.low, type.high));
    lanes level = nonlinear[0];
    for (int k = 1; k < 16; k++) level = x > (nonlinear[k - 1] + nonlinear[k]) / 2 ? lanes_of(nonlinear[k]) : level;
    return level;
}

typedef struct { lanes scale, gain; } scale_fit;

CAPLET_INLINE scale_fit better(scale_fit best, const lanes *x, const lanes *weights, lanes inverse_scale, level_type type) {
    lanes qq = 0, qx = 0;
    for (int i = 0; i < SIZE; i++) {
        lanes q = level_of(x[i] * inverse_scale, type), weighted = weights[i] * q;
        qq += weighted * q;
        qx += weighted * x[i];
    }
    lanes scale = qx * inverse(qq), gain = scale * qx;
    integer_lanes more = gain > best.gain;
    best.scale = more ? scale : best.scale;
    best.gain = more ? gain : best.gain;
    return best;
}

CAPLET_INLINE lanes fitted(const lanes *x, const lanes *weights, level_type type) {
    lanes extreme = 0;
    for (int i = 0; i < SIZE; i++) extreme = magnitude(x[i]) > magnitude(extreme) ? x[i] : extreme;
    lanes unit = inverse(extreme);
    scale_fit best = {0, 0};
    for (int k = 0; k < type.trials; k++) {
        lanes inverse_scale = type.low * (type.first + type.step * (float)k) * unit;
        best = better(best, x, weights, inverse_scale, type);
        best = better(best, x, weights, -inverse_scale, type);
    }
    for (int k = 0; k < 2; k++) best = better(best, x, weights, inverse(best.scale), type);
    return best.scale;
}

// Runs of 32, at most eight; lanes without one are 0.
CAPLET_INLINE void load(const float *in, const float *weights, size_t runs, lanes *x, lanes *w) {
    memset(x, 0, SIZE * sizeof *x);
    memset(w, 0, SIZE * sizeof *w);
    for (size_t k = 0; k < runs; k++) {
        for (int i = 0; i < SIZE; i++) {
            x[i][k] = in[k * SIZE + i];
            w[i][k] = weights[k * SIZE + i];
        }
    }
}

CAPLET_INLINE float rounded_to_half(float value) { return f32_of_f16(f16_of_f32(value)); }

// Puts a half scale before the codes of each run; codes are put by the caller's `put`.
CAPLET_INLINE void scales_of(const float *in, const float *weights, size_t runs, level_type type, float *scales) {
    lanes x[SIZE], w[SIZE];
    load(in, weights, runs, x, w);
    lanes scale = fitted(x, w, type);
    for (size_t k = 0; k < runs; k++) scales[k] = scale[k];
    // What no half holds becomes infinite, and is refused by whoever looks at the scales.
    if (is_beyond_halves(x, SIZE)) {
        for (size_t k = 0; k < runs; k++) scales[k] = INFINITY;
    }
}

// The codes, from 0, of a run.
CAPLET_INLINE void codes_of_run(const float *in, float scale, level_type type, uint8_t *codes) {
    float unit = fabsf(scale) > 1e-30f && isfinite(scale) ? 1.0f / scale : 0.0f;
    for (int i = 0; i < SIZE; i++) {
        float x = in[i] * unit;
        if (type.is_table) {
            int code = 0;
            for (int k = 1; k < 16; k++) code += x > (nonlinear[k - 1] + nonlinear[k]) / 2;
            codes[i] = (uint8_t)code;
        } else {
            float level = rintf(x);
            level = level > type.low ? level : type.low;
            level = level < type.high ? level : type.high;
            codes[i] = (uint8_t)(int)(level - type.low);
        }
    }
}

// Low nibbles are the first 16 elements.
CAPLET_INLINE void put_nibbles(const uint8_t *codes, uint8_t *out) {
    for (int i = 0; i < 16; i++) out[i] = (uint8_t)((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

CAPLET_INLINE void put_q4_0(const uint8_t *codes, uint8_t *block) { put_nibbles(codes, block + 2); }

CAPLET_INLINE void put_q5_0(const uint8_t *codes, uint8_t *block) {
    for (int k = 0; k < 4; k++) {
        unsigned byte = 0;
        for (int i = 0; i < 8; i++) byte |= (unsigned)(codes[k * 8 + i] >> 4) << i;
        block[2 + k] = (uint8_t)byte;
    }
    put_nibbles(codes, block + 6);
}

CAPLET_INLINE void put_q8_0(const uint8_t *codes, uint8_t *block) {
    for (int i = 0; i < SIZE; i++) block[2 + i] = (uint8_t)(codes[i] - 127);
}

CAPLET_INLINE void put_iq4_nl(const uint8_t *codes, uint8_t *block) { put_nibbles(codes, block + 2); }

#define SCALED_BLOCKS(name, bytes, type)                                                                                       \
    CAPLET_KERNEL(                                                                                                             \
        void, caplet_##name##_encode_weighted, (const float *in, const float *weights, uint8_t *blocks, size_t count),         \
        (in, weights, blocks, count)                                                                                           \
    ) {                                                                                                                        \
        float scales[LANES];                                                                                                   \
        uint8_t codes[SIZE];                                                                                                   \
        for (size_t at = 0; at < count; at += SUPER) {                                                                         \
            size_t runs = (count - at < SUPER ? count - at : SUPER) / SIZE;                                                    \
            scales_of(in + at, weights + at, runs, type, scales);                                                              \
            for (size_t k = 0; k < runs; k++, blocks += bytes) {                                                               \
                put_f16_of_f32(scales[k], blocks);                                                                             \
                codes_of_run(in + at + k * SIZE, f32_of_f16_at(blocks), type, codes);                                          \
                put_##name(codes, blocks);                                                                                     \
            }                                                                                                                  \
        }                                                                                                                      \
    }                                                                                                                          \
    void caplet_##name##_put(const uint8_t *codes, uint8_t *blocks, size_t count) {                                            \
        for (size_t at = 0; at < count; at += SIZE, blocks += bytes) put_##name(codes + at, blocks);                           \
    }

SCALED_BLOCKS(q4_0, 18, q4_0)
SCALED_BLOCKS(q5_0, 22, q5_0)
SCALED_BLOCKS(q8_0, 34, q8_0)
SCALED_BLOCKS(iq4_nl, 18, iq4)

CAPLET_INLINE lanes error_of(const lanes *x, const lanes *weights, lanes scale) {
    lanes unit = inverse(scale), error = 0;
    for (int i = 0; i < SIZE; i++) {
        lanes rest = x[i] - scale * level_of(x[i] * unit, iq4);
        error += weights[i] * rest * rest;
    }
    return error;
}

// Moves each run's integer to the best of the three around it. Returns the error of all.
CAPLET_INLINE float choose_integers(const lanes *x, const lanes *weights, float d, lanes *s) {
    lanes middle = *s, least_error = error_of(x, weights, d * middle);
    for (int k = -1; k <= 1; k += 2) {
        lanes trial = between(middle + (float)k, -32, 31), error = error_of(x, weights, d * trial);
        integer_lanes closer = error < least_error;
        least_error = closer ? error : least_error;
        *s = closer ? trial : *s;
    }
    return sum_of(least_error);
}

CAPLET_INLINE float solved_half(const lanes *x, const lanes *weights, float d, lanes s) {
    lanes qq = 0, qx = 0, unit = inverse(d * s);
    for (int i = 0; i < SIZE; i++) {
        lanes q = s * level_of(x[i] * unit, iq4), weighted = weights[i] * q;
        qq += weighted * q;
        qx += weighted * x[i];
    }
    float squares = sum_of(qq);
    return squares > 0 ? rounded_to_half(sum_of(qx) / squares) : d;
}

CAPLET_INLINE void put_iq4_xs(const uint8_t *codes, uint8_t *block) {
    for (int g = 0; g < LANES; g++) put_nibbles(codes + g * SIZE, block + 8 + g * 16);
}

CAPLET_KERNEL(
    void, caplet_iq4_xs_encode_weighted, (const float *in, const float *weights, uint8_t *blocks, size_t count),
    (in, weights, blocks, count)
) {
    uint8_t codes[SUPER];
    lanes x[SIZE], w[SIZE];
    for (size_t at = 0; at < count; at += SUPER, blocks += 136) {
        load(in + at, weights + at, LANES, x, w);
        lanes scales = fitted(x, w, iq4);
        float extreme = 0;
        for (int k = 0; k < LANES; k++) extreme = fabsf(scales[k]) > fabsf(extreme) ? scales[k] : extreme;
        float d = rounded_to_half(extreme / -32.0f);
        if (is_beyond_halves(x, SIZE)) d = INFINITY;
        lanes s = nearest(between(scales * inverse(lanes_of(d)), -32, 31));
        float error = choose_integers(x, w, d, &s);
        for (int turn = 0; turn < 3; turn++) {
            lanes trial = s;
            float half = solved_half(x, w, d, s), found = choose_integers(x, w, half, &trial);
            if (!(found < error)) break;
            d = half;
            s = trial;
            error = found;
        }
        put_f16_of_f32(d, blocks);
        memset(blocks + 2, 0, 6);
        for (int g = 0; g < LANES; g++) {
            unsigned integer = (unsigned)((int)s[g] + 32);
            unsigned high = integer >> 4 << (2 * g);
            blocks[2] |= (uint8_t)high;
            blocks[3] |= (uint8_t)(high >> 8);
            blocks[4 + g / 2] |= (uint8_t)((integer & 15u) << (g % 2 * 4));
            codes_of_run(in + at + g * SIZE, d * s[g], iq4, codes + g * SIZE);
        }
        put_iq4_xs(codes, blocks);
    }
}

void caplet_iq4_xs_put(const uint8_t *codes, uint8_t *blocks, size_t count) {
    for (size_t at = 0; at < count; at += SUPER, blocks += 136) put_iq4_xs(codes + at, blocks);
}

void caplet_q8_0_decode(const uint8_t *blocks, float *out, size_t count) {
    for (size_t at = 0; at < count; at += SIZE, blocks += 34) {
        float d = f32_of_f16_at(blocks);
        for (int i = 0; i < SIZE; i++) out[at + i] = d * (float)(int8_t)blocks[2 + i];
    }
}
