#include "CKernels.h"
#include "dispatch.h"
#include "half.h"
#include "lanes.h"

#include <math.h>

// Q2_K, Q4_K and Q5_K: x ≈ (d s) q - (dmin t), with codes q, and integers s and t for each sub-block of a super-block of 256.
//
// The squared error, where each element has its weight if there are weights, is reduced in two steps. Each sub-block finds its best real scale and minimum, by trying ranges and
// solving for both by least squares. Then the super-block's d and dmin are found in turns with the integers: s and t are
// those of the nine around the present ones that give the least error, d and dmin the least squares solution for them.

enum { ELEMENTS = 256, MOST_GROUPS = 2, MOST_SIZE = 32 };

// What differs between the types.
typedef struct {
    // Elements of a sub-block; sub-blocks / 8.
    int size, groups;
    // Largest code, scale and minimum.
    float top, most;
    // Ranges tried for each sub-block, from `first` codes more than there are, in steps; times d is solved for; starts.
    int trials;
    float first, step;
    int starts;
    float start_step;
} affine_type;

// Sums over a sub-block for codes q, each element as often as its weight says.
typedef struct { lanes q, qq, qx; } code_sums;

// A weight: 1 where there are none.
CAPLET_INLINE lanes weight_at(const lanes *weights, int i) { return weights ? weights[i] : lanes_of(1.0f); }

typedef struct { lanes scale, minimum, gain; } affine_fit;

// A super-block's elements, and what an error of each counts.
typedef struct {
    lanes x[MOST_GROUPS][MOST_SIZE], weights[MOST_GROUPS][MOST_SIZE];
    int is_weighted;
} elements;

CAPLET_INLINE const lanes *weights_of(const elements *in, int group) { return in->is_weighted ? in->weights[group] : 0; }

// A super-block: the integers of its sub-blocks, d, dmin, and the error they give.
typedef struct {
    lanes s[MOST_GROUPS], t[MOST_GROUPS];
    float d, dmin, error;
} affine_block;

CAPLET_INLINE lanes codes_of(lanes x, lanes inverse_scale, lanes offset, float top) {
    return nearest(between((x + offset) * inverse_scale, 0, top));
}

CAPLET_INLINE code_sums sums_of_codes(const lanes *x, const lanes *weights, int size, lanes inverse_scale, lanes offset, float top) {
    code_sums sums = {0, 0, 0};
    for (int i = 0; i < size; i++) {
        lanes q = codes_of(x[i], inverse_scale, offset, top);
        lanes weighted = weight_at(weights, i) * q;
        sums.q += weighted;
        sums.qq += weighted * q;
        sums.qx += weighted * x[i];
    }
    return sums;
}

// Scale and minimum (not negative) of least error for given codes; gain is what they take off the sum of squares.
CAPLET_INLINE affine_fit solved(code_sums sums, lanes x_sum, lanes size) {
    lanes determinant = size * sums.qq - sums.q * sums.q;
    lanes unit = inverse(determinant);
    lanes scale = (size * sums.qx - sums.q * x_sum) * unit, base = (sums.qq * x_sum - sums.q * sums.qx) * unit;
    lanes alone = sums.qx * inverse(sums.qq);
    integer_lanes without = (base > 0.0f) | (determinant <= 0.0f);
    affine_fit fit;
    fit.scale = without ? alone : scale;
    fit.minimum = without ? lanes_of(0.0f) : -base;
    fit.gain = fit.scale * sums.qx - fit.minimum * x_sum;
    return fit;
}

CAPLET_INLINE affine_fit better(affine_fit a, affine_fit b) {
    integer_lanes first = a.gain >= b.gain;
    affine_fit fit;
    fit.scale = first ? a.scale : b.scale;
    fit.minimum = first ? a.minimum : b.minimum;
    fit.gain = first ? a.gain : b.gain;
    return fit;
}

// The best real scale and minimum of eight sub-blocks.
CAPLET_INLINE affine_fit fitted(const lanes *x, const lanes *weights, affine_type type) {
    lanes low = 0, high = x[0], x_sum = 0, size = 0;
    for (int i = 0; i < type.size; i++) {
        low = least(low, x[i]);
        high = greatest(high, x[i]);
        x_sum += weight_at(weights, i) * x[i];
        size += weight_at(weights, i);
    }
    lanes unit = inverse(high - low);
    affine_fit best = {0, -low, 0};
    for (int k = 0; k < type.trials; k++) {
        lanes inverse_scale = (type.top + type.first + type.step * (float)k) * unit;
        best = better(best, solved(sums_of_codes(x, weights, type.size, inverse_scale, -low, type.top), x_sum, size));
    }
    for (int k = 0; k < 2; k++) {
        code_sums sums = sums_of_codes(x, weights, type.size, inverse(best.scale), best.minimum, type.top);
        best = better(best, solved(sums, x_sum, size));
    }
    return best;
}

CAPLET_INLINE lanes error_of(const lanes *x, const lanes *weights, int size, lanes scale, lanes minimum, float top) {
    lanes unit = inverse(scale), error = 0;
    for (int i = 0; i < size; i++) {
        lanes rest = x[i] - (scale * codes_of(x[i], unit, minimum, top) - minimum);
        error += weight_at(weights, i) * rest * rest;
    }
    return error;
}

// Moves each sub-block's integers to the best of the nine around them, and sets the block's error.
CAPLET_INLINE void choose_integers(const elements *in, affine_block *block, affine_type type) {
    lanes total = 0;
    for (int g = 0; g < type.groups; g++) {
        lanes s = block->s[g], t = block->t[g], best_s = s, best_t = t, least_error = 0;
        for (int k = 0; k < 9; k++) {
            // The present ones first: they win ties.
            lanes trial_s = between(s + (float)((k + 1) % 3 - 1), 0, type.most);
            lanes trial_t = between(t + (float)((k / 3 + 1) % 3 - 1), 0, type.most);
            lanes error = error_of(in->x[g], weights_of(in, g), type.size, block->d * trial_s, block->dmin * trial_t, type.top);
            integer_lanes closer = error < least_error;
            if (k == 0) closer = error == error;
            least_error = closer ? error : least_error;
            best_s = closer ? trial_s : best_s;
            best_t = closer ? trial_t : best_t;
        }
        block->s[g] = best_s;
        block->t[g] = best_t;
        total += least_error;
    }
    block->error = sum_of(total);
}

CAPLET_INLINE float rounded_to_half(float value) { return f32_of_f16(f16_of_f32(value)); }

// d and dmin of least error for the block's integers and the codes that they give.
CAPLET_INLINE void solve_halves(const elements *in, affine_block *block, affine_type type) {
    lanes dd = 0, dm = 0, mm = 0, dx = 0, mx = 0;
    for (int g = 0; g < type.groups; g++) {
        const lanes *x = in->x[g], *weights = weights_of(in, g);
        lanes s = block->s[g], t = block->t[g], x_sum = 0, size = 0;
        for (int i = 0; i < type.size; i++) {
            x_sum += weight_at(weights, i) * x[i];
            size += weight_at(weights, i);
        }
        code_sums sums = sums_of_codes(x, weights, type.size, inverse(block->d * s), block->dmin * t, type.top);
        // Codes of a sub-block without scale are 0.
        dd += s * s * sums.qq;
        dm += s * t * sums.q;
        mm += t * t * size;
        dx += s * sums.qx;
        mx += t * x_sum;
    }
    float a = sum_of(dd), b = sum_of(dm), c = sum_of(mm), u = sum_of(dx), v = sum_of(mx);
    float determinant = a * c - b * b;
    if (determinant > 1e-6f * a * c) {
        float d = (u * c - b * v) / determinant, dmin = (b * u - a * v) / determinant;
        if (d > 0 && dmin >= 0) {
            block->d = rounded_to_half(d);
            block->dmin = rounded_to_half(dmin);
        }
    } else if (a > 0 && u > 0) {
        block->d = rounded_to_half((u + b * block->dmin) / a);
    }
}

CAPLET_INLINE float largest(const lanes *values, int groups) {
    float most = 0;
    for (int g = 0; g < groups; g++) {
        for (int k = 0; k < LANES; k++) most = values[g][k] > most ? values[g][k] : most;
    }
    return most;
}

CAPLET_INLINE affine_block encoded(const elements *in, affine_type type) {
    lanes scales[MOST_GROUPS], minima[MOST_GROUPS];
    for (int g = 0; g < type.groups; g++) {
        affine_fit fit = fitted(in->x[g], weights_of(in, g), type);
        scales[g] = fit.scale;
        minima[g] = fit.minimum;
    }
    float scale = largest(scales, type.groups), minimum = largest(minima, type.groups);
    affine_block best;
    for (int start = 0; start < type.starts; start++) {
        affine_block block;
        // The first is that whose largest integers are the largest there are.
        float stretch = 1.0f + type.start_step * (float)start;
        block.d = rounded_to_half(scale / type.most * stretch);
        block.dmin = rounded_to_half(minimum / type.most * stretch);
        lanes unit = inverse(lanes_of(block.d)), minimum_unit = inverse(lanes_of(block.dmin));
        for (int g = 0; g < type.groups; g++) {
            block.s[g] = nearest(between(scales[g] * unit, 0, type.most));
            block.t[g] = nearest(between(minima[g] * minimum_unit, 0, type.most));
        }
        choose_integers(in, &block, type);
        if (start == 0 || block.error < best.error) best = block;
    }
    for (int turn = 0; turn < 3; turn++) {
        affine_block block = best;
        solve_halves(in, &block, type);
        choose_integers(in, &block, type);
        if (!(block.error < best.error)) break;
        best = block;
    }
    return best;
}

// Codes in the order of the elements.
CAPLET_INLINE void codes_of_block(lanes x[MOST_GROUPS][MOST_SIZE], const affine_block *block, affine_type type, uint8_t *codes) {
    for (int g = 0; g < type.groups; g++) {
        lanes unit = inverse(block->d * block->s[g]), minimum = block->dmin * block->t[g];
        for (int i = 0; i < type.size; i++) {
            integer_lanes q = __builtin_convertvector(codes_of(x[g][i], unit, minimum, type.top), integer_lanes);
            for (int k = 0; k < LANES; k++) codes[(g * LANES + k) * type.size + i] = (uint8_t)q[k];
        }
    }
}

// Loads a super-block, encodes it, and puts out codes, integers s and t of its sub-blocks, and the halves.
CAPLET_INLINE void encode_block(
    const float *in, const float *weights, affine_type type, uint8_t *codes, uint8_t *s, uint8_t *t, uint8_t *halves
) {
    elements all;
    int beyond = 0;
    all.is_weighted = weights != 0;
    for (int g = 0; g < type.groups; g++) {
        lanes_across(in + g * LANES * type.size, all.x[g], type.size);
        if (weights) lanes_across(weights + g * LANES * type.size, all.weights[g], type.size);
        beyond |= is_beyond_halves(all.x[g], type.size);
    }
    affine_block block = {0};
    block.d = INFINITY;
    if (!beyond) block = encoded(&all, type);
    codes_of_block(all.x, &block, type, codes);
    for (int g = 0; g < type.groups; g++) {
        for (int k = 0; k < LANES; k++) {
            s[g * LANES + k] = (uint8_t)block.s[g][k];
            t[g * LANES + k] = (uint8_t)block.t[g][k];
        }
    }
    put_f16_of_f32(block.d, halves);
    put_f16_of_f32(block.dmin, halves + 2);
}

// Two bits an element, over the bytes that a block has for them.
CAPLET_INLINE void put_q2_k(const uint8_t *codes, uint8_t *block) {
    for (int i = 0; i < 64; i++) {
        const uint8_t *first = codes + i / 32 * 128 + i % 32;
        block[16 + i] = (uint8_t)(first[0] | first[32] << 2 | first[64] << 4 | first[96] << 6);
    }
}

CAPLET_INLINE void put_nibbles(const uint8_t *codes, uint8_t *out) {
    for (int i = 0; i < 128; i++) {
        const uint8_t *first = codes + i / 32 * 64 + i % 32;
        out[i] = (uint8_t)((first[0] & 15) | (first[32] & 15) << 4);
    }
}

CAPLET_INLINE void put_q4_k(const uint8_t *codes, uint8_t *block) { put_nibbles(codes, block + 16); }

CAPLET_INLINE void put_q5_k(const uint8_t *codes, uint8_t *block) {
    for (int i = 0; i < 32; i++) {
        unsigned bits = 0;
        for (int k = 0; k < 8; k++) bits |= (unsigned)(codes[k * 32 + i] >> 4) << k;
        block[16 + i] = (uint8_t)bits;
    }
    put_nibbles(codes, block + 48);
}

// Eight 6-bit scales and minima in 12 bytes: the last four are split into low nibbles and high bits.
CAPLET_INLINE void put_six_bits(const uint8_t *s, const uint8_t *t, uint8_t *out) {
    for (int g = 0; g < 4; g++) {
        out[g] = (uint8_t)(s[g] | s[g + 4] >> 4 << 6);
        out[g + 4] = (uint8_t)(t[g] | t[g + 4] >> 4 << 6);
        out[g + 8] = (uint8_t)((s[g + 4] & 15) | (t[g + 4] & 15) << 4);
    }
}

CAPLET_INLINE void encode_q2_k(const float *in, const float *weights, uint8_t *blocks, size_t count) {
    const affine_type type = {16, 2, 3, 15, 16, -0.9f, 0.12f, 6, 0.05f};
    uint8_t codes[ELEMENTS], s[16], t[16];
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 84) {
        encode_block(in + at, weights ? weights + at : 0, type, codes, s, t, blocks + 80);
        for (int g = 0; g < 16; g++) blocks[g] = (uint8_t)(s[g] | t[g] << 4);
        put_q2_k(codes, blocks);
    }
}

CAPLET_INLINE void encode_q4_k(const float *in, const float *weights, uint8_t *blocks, size_t count) {
    const affine_type type = {32, 1, 15, 63, 16, -1.2f, 0.15f, 1, 0};
    uint8_t codes[ELEMENTS], s[8], t[8];
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 144) {
        encode_block(in + at, weights ? weights + at : 0, type, codes, s, t, blocks);
        put_six_bits(s, t, blocks + 4);
        put_q4_k(codes, blocks);
    }
}

CAPLET_INLINE void encode_q5_k(const float *in, const float *weights, uint8_t *blocks, size_t count) {
    const affine_type type = {32, 1, 31, 63, 16, -1.2f, 0.15f, 1, 0};
    uint8_t codes[ELEMENTS], s[8], t[8];
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 176) {
        encode_block(in + at, weights ? weights + at : 0, type, codes, s, t, blocks);
        put_six_bits(s, t, blocks + 4);
        put_q5_k(codes, blocks);
    }
}

CAPLET_KERNEL(void, caplet_q2_k_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    encode_q2_k(in, 0, blocks, count);
}

CAPLET_KERNEL(
    void, caplet_q2_k_encode_weighted, (const float *in, const float *weights, uint8_t *blocks, size_t count), (in, weights, blocks, count)
) {
    encode_q2_k(in, weights, blocks, count);
}

void caplet_q2_k_put(const uint8_t *codes, uint8_t *blocks, size_t count) {
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 84) put_q2_k(codes + at, blocks);
}

CAPLET_KERNEL(void, caplet_q4_k_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    encode_q4_k(in, 0, blocks, count);
}

CAPLET_KERNEL(
    void, caplet_q4_k_encode_weighted, (const float *in, const float *weights, uint8_t *blocks, size_t count), (in, weights, blocks, count)
) {
    encode_q4_k(in, weights, blocks, count);
}

void caplet_q4_k_put(const uint8_t *codes, uint8_t *blocks, size_t count) {
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 144) put_q4_k(codes + at, blocks);
}

CAPLET_KERNEL(void, caplet_q5_k_encode, (const float *in, uint8_t *blocks, size_t count), (in, blocks, count)) {
    encode_q5_k(in, 0, blocks, count);
}

CAPLET_KERNEL(
    void, caplet_q5_k_encode_weighted, (const float *in, const float *weights, uint8_t *blocks, size_t count), (in, weights, blocks, count)
) {
    encode_q5_k(in, weights, blocks, count);
}

void caplet_q5_k_put(const uint8_t *codes, uint8_t *blocks, size_t count) {
    for (size_t at = 0; at < count; at += ELEMENTS, blocks += 176) put_q5_k(codes + at, blocks);
}
