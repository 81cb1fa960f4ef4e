#include "CKernels.h"
#include "dispatch.h"
#include "half.h"
#include "lanes.h"

#include <math.h>

// Q3_K and Q6_K: x ≈ (d s) q with codes q from -n to n - 1 and a signed integer s for each of 16 sub-blocks of 16.
//
// The squared error, where each element has its weight if there are weights, is reduced in two steps. Each sub-block finds its best real scale, of either sign, by trying ranges and
// solving by least squares. Then d is found in turns with the integers: s is the best of the three around the
// present one, d the least squares solution.

enum { ELEMENTS = 256, SIZE = 16, GROUPS = 2 };

// What differs between the types.
typedef struct {
    // Codes from -half to half - 1, integers from -most to most - 1.
    float half, most;
    // Ranges tried for each sub-block with either sign, from `first` codes more than there are, in steps.
    int trials;
    float first, step;
    int starts;
    float start_step;
} symmetric_type;

typedef struct { lanes qq, qx; } code_sums;

// A super-block's elements, and what an error of each counts.
typedef struct {
    lanes x[GROUPS][SIZE], weights[GROUPS][SIZE];
    int is_weighted;
} elements;

CAPLET_INLINE const lanes *weights_of(const elements *in, int group) { return in->is_weighted ? in->weights[group] : 0; }

// A weight: 1 where there are none.
CAPLET_INLINE lanes weight_at(const lanes *weights, int i) { return weights ? weights[i] : lanes_of(1.0f); }

typedef struct { lanes scale, gain; } symmetric_fit;

typedef struct {
    lanes s[GROUPS];
    float d, error;
} symmetric_block;

CAPLET_INLINE lanes codes_of(lanes x, lanes inverse_scale, float half) { return nearest(between(x * inverse_scale, -half, half - 1)); }

CAPLET_INLINE code_sums sums_of_codes(const lanes *x, const lanes *weights, lanes inverse_scale, float half) {
    code_sums sums = {0, 0};
    for (int i = 0; i < SIZE; i++) {
        lanes q = codes_of(x[i], inverse_scale, half);
        lanes weighted = weight_at(weights, i) * q;
        sums.qq += weighted * q;
        sums.qx += weighted * x[i];
    }
    return sums;
}

CAPLET_INLINE symmetric_fit better(symmetric_fit best, code_sums sums) {
    lanes scale = sums.qx * inverse(sums.qq), gain = scale * sums.qx;
    integer_lanes more = gain > best.gain;
    best.scale = more ? scale : best.scale;
    best.gain = more ? gain : best.gain;
    return best;
}

// The best real scale of eight sub-blocks.
CAPLET_INLINE symmetric_fit fitted(const lanes *x, const lanes *weights, symmetric_type type) {
    lanes low = x[0], high = x[0];
    for (int i = 0; i < SIZE; i++) {
        low = least(low, x[i]);
        high = greatest(high, x[i]);
    }
    lanes extreme = -low > high ? low : high;
    lanes unit = inverse(extreme);
    symmetric_fit best = {0, 0};
    for (int k = 0; k < type.trials; k++) {
        // The side that has one code more for the extreme, then the other.
        float codes = type.half + type.first + type.step * (float)k;
        best = better(best, sums_of_codes(x, weights, -codes * unit, type.half));
        best = better(best, sums_of_codes(x, weights, codes * unit, type.half));
    }
    for (int k = 0; k < 2; k++) best = better(best, sums_of_codes(x, weights, inverse(best.scale), type.half));
    return best;
}

CAPLET_INLINE lanes error_of(const lanes *x, const lanes *weights, lanes scale, float half) {
    lanes unit = inverse(scale), error = 0;
    for (int i = 0; i < SIZE; i++) {
        lanes rest = x[i] - scale * codes_of(x[i], unit, half);
        error += weight_at(weights, i) * rest * rest;
    }
    return error;
}

// Moves each sub-block's integer to the best of the three around it, and sets the block's error.
CAPLET_INLINE void choose_integers(const elements *in, symmetric_block *block, symmetric_type type) {
    lanes total = 0;
    for (int g = 0; g < GROUPS; g++) {
        const lanes *x = in->x[g], *weights = weights_of(in, g);
        lanes s = block->s[g], best = s, least_error = error_of(x, weights, block->d * s, type.half);
        for (int k = -1; k <= 1; k += 2) {
            lanes trial = between(s + (float)k, -type.most, type.most - 1);
            lanes error = error_of(x, weights, block->d * trial, type.half);
            integer_lanes closer = error < least_error;
            least_error = closer ? error : least_error;
            best = closer ? trial : best;
        }
        block->s[g] = best;
        total += least_error;
    }
    block->error = sum_of(total);
}

CAPLET_INLINE float rounded_to_half(float value) { return f32_of_f16(f16_of_f32(value)); }

// d of least error for the block's integers and the codes that they give.
CAPLET_INLINE void solve_half(const elements *in, symmetric_block *block, symmetric_type type) {
    lanes dd = 0, dx = 0;
    for (int g = 0; g < GROUPS; g++) {
        lanes s = block->s[g];
        code_sums sums = sums_of_codes(in->x[g], weights_of(in, g), inverse(block->d * s), type.half);
        dd += s * s * sums.qq;
        dx += s * sums.qx;
    }
    float squares = sum_of(dd);
    if (squares > 0) block->d = rounded_to_half(sum_of(dx) / squares);
}

// The value farthest from 0.
CAPLET_INLINE float extreme_of(const lanes *values) {
    float extreme = 0;
    for (int g = 0; g < GROUPS; g++) {
        for (int k = 0; k < LANES; k++) {
            float value = values[g][k], size = value < 0 ? -value : value;
            extreme = size > (extreme < 0 ? -extreme : extreme) ? value : extreme;
        }
    }
    return extreme;
}

CAPLET_INLINE symmetric_block encoded(const elements *in, symmetric_type type) {
    lanes scales[GROUPS];
    for (int g = 0; g < GROUPS; g++) scales[g] = fitted(in->x[g], weights_of(in, g), type).scale;
    float extreme = extreme_of(scales);
    symmetric_block best;
    for (int start = 0; start < type.starts; start++) {
        symmetric_block block;
        // The extreme has the integer farthest from 0.
        block.d = rounded_to_half(extreme / -type.most * (1.0f + type.start_step * (float)start));
        lanes unit = inverse(lanes_of(block.d));
        for (int g = 0; g < GROUPS; g++) block.s[g] = nearest(between(scales[g] * unit, -type.most, type.most - 1));
        choose_integers(in, &block, type);
        if (start == 0 || block.error < best.error) best = block;
    }
    for (int turn = 0; turn < 3; turn++) {
        symmetric_block block = best;
        solve_half(in, &block, type);
        choose_integers(in, &block, type);
        if (!(block.error < best.error)) break;
        best = block;
    }
    return best;
}

// Loads a super-block, encodes it, and puts out codes from 0, integers of its sub-blocks, and d.
CAPLET_INLINE void encode_block(
    const float *in, const float *weights, symmetric_type type, uint8_t *codes, int8_t *s, uint8_t *d
) {
    elements all;
    int beyond = 0;
    all.is_weighted = weights != 0;
    for (int g = 0; g < GROUPS; g++) {
        lanes_across(in + g * LANES * SIZE, all.x[g], SIZE);
        if (weights) lanes_across(weights + g * LANES * SIZE, all.weights[g], SIZE);
        beyond |= is_beyond_halves(all.x[g], SIZE);
    }
    symmetric_block block = {0};
    block.d = INFINITY;
    if (!beyond) block = encoded(&all, type);
    for (int g = 0; g < GROUPS; g++) {
        lanes unit = inverse(block.d * block.s[g]);
        for (int i = 0; i < SIZE; i++) {
            integer_lanes q = __builtin_convertvector(codes_of(all.x[g][i], unit, type.half) + type.half, integer_lanes);
            for (int k = 0; k < LANES; k++) codes[(g * LANES + k) * SIZE + i] = (uint8_t)q[k];
        }
        for (int k = 0; k < LANES; k++) s[g * LANES + k] = (int8_t)block.s[g][k];
    }
    put_f16_of_f32(block.d, d);
}

// Two bits of each code, from bit `shift` on: 128 elements lie in 32 bytes.
CAPLET_INLINE void put_two_bits(const uint8_t *codes, int shift, uint8_t *out) {
    for (int i = 0; i < 64; i++) {
        const uint8_t *first = codes + i / 32 * 128 + i % 32;
        unsigned byte = 0;
        for (int k = 0; k < 4; k++) byte |= (first[k * 32] >> shift & 3u) << (2 * k);
        out[i] = (uint8_t)byte;
    }
}

CAPLET_INLINE void put_q3_k(const uint8_t *codes, uint8_t *block) {
    for (int i = 0; i < 32; i++) {
        unsigned bits = 0;
        for (int k = 0; k < 8; k++) bits |= (unsigned)(codes[k * 32 + i] >> 2) << k;
        block[i] = (uint8_t)bits;
    }
    put_two_bits(codes, 0, block + 32);
}

CAPLET_INLINE void put_q6_k(const uint8_t *codes, uint8_t *block) {
    for (int i = 0; i < 128; i++) {
        // 128 elements in 64 bytes here.
        const uint8_t *first = codes + i / 64 * 128 + i % 64;
        block[i] = (uint8_t)((first[0] & 15) | (first[64] & 15) << 4);
    }
    put_two_bits(codes, 4, block + 128);
}

CAPLET_INLINE void encode_q3_k(const float *in, const float *weights, uint8_t *blocks, size_t count) {
    const symmetric_type type = {4, 32, 10, -1.3f, 0.2f, 2, 0.04f};
    uint8_t codes[ELEMENTS];
    int8_t s[16];
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 110) {
        encode_block(in + at, weights ? weights + at : 0, type, codes, s, blocks + 108);
        put_q3_k(codes, blocks);
        // Low nibbles of all in eight bytes, high bits in four.
        for (int g = 0; g < 8; g++) blocks[96 + g] = (uint8_t)(((s[g] + 32) & 15) | ((s[g + 8] + 32) & 15) << 4);
        for (int g = 0; g < 4; g++) {
            unsigned byte = 0;
            for (int k = 0; k < 4; k++) byte |= (unsigned)(s[g + 4 * k] + 32) >> 4 << (2 * k);
            blocks[104 + g] = (uint8_t)byte;
        }
    }
}

CAPLET_INLINE void encode_q6_k(const float *in, const float *weights, uint8_t *blocks, size_t count) {
    const symmetric_type type = {32, 128, 8, -1.2f, 0.25f, 1, 0};
    uint8_t codes[ELEMENTS];
    int8_t s[16];
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 210) {
        encode_block(in + at, weights ? weights + at : 0, type, codes, s, blocks + 208);
        put_q6_k(codes, blocks);
        for (int g = 0; g < 16; g++) blocks[192 + g] = (uint8_t)s[g];
    }
}

CAPLET_KERNEL(void, caplet_q3_k_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    encode_q3_k(in, 0, blocks, count);
}

CAPLET_KERNEL(
    void, caplet_q3_k_encode_weighted, (const float *in, const float *weights, uint8_t *blocks, size_t count), (in, weights, blocks, count)
) {
    encode_q3_k(in, weights, blocks, count);
}

void caplet_q3_k_put(const uint8_t *codes, uint8_t *blocks, size_t count) {
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 110) put_q3_k(codes + at, blocks);
}

CAPLET_KERNEL(void, caplet_q6_k_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    encode_q6_k(in, 0, blocks, count);
}

CAPLET_KERNEL(
    void, caplet_q6_k_encode_weighted, (const float *in, const float *weights, uint8_t *blocks, size_t count), (in, weights, blocks, count)
) {
    encode_q6_k(in, weights, blocks, count);
}

void caplet_q6_k_put(const uint8_t *codes, uint8_t *blocks, size_t count) {
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 210) put_q6_k(codes + at, blocks);
}
