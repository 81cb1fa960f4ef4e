#include "CKernels.h"
#include "dispatch.h"
#include "grids.h"
#include "half.h"

#include <math.h>
#include <string.h>

// IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S: eight or four magnitudes at a time are a point of a grid, under a scale for 16 or 32 elements that is
// a small integer times one half.
//
// Scales come first: for each group that of least weighted error among some, each with the nearest points, then the half in turns with the
// integers. Then eight elements at a time take their signs and points, and errors are fed forward.
#pragma STDC FP_CONTRACT OFF

enum { ELEMENTS = 256, EIGHT = 8, MOST_COMBINATIONS = 256 };

static const float iq2_levels[3] = {8, 25, 43};
static const float iq3_xxs_levels[8] = {4, 12, 20, 28, 36, 44, 52, 62};
static const float iq3_s_levels[8] = {1, 3, 5, 7, 9, 11, 13, 15};

typedef struct {
    const uint16_t *points;
    const float *levels;
    // Points; elements of one; bits of a level in it, and levels; elements that share a scale.
    int point_count, digits, bits, level_count, group;
    // Whether the number of minus signs of eight elements is even.
    int is_even;
    // A scale is d * (least + step * integer), with integers to 15.
    float least, step;
} grid_type;

static const grid_type iq2_xxs = {iq2_xxs_points, iq2_levels, 256, 8, 2, 3, 32, 1, 0.125f, 0.25f};
static const grid_type iq2_xs = {iq2_xs_points, iq2_levels, 512, 8, 2, 3, 16, 1, 0.125f, 0.25f};
static const grid_type iq2_s = {iq2_s_points, iq2_levels, 1024, 8, 2, 3, 16, 0, 0.125f, 0.25f};
static const grid_type iq3_xxs = {iq3_xxs_points, iq3_xxs_levels, 256, 4, 3, 8, 32, 1, 0.25f, 0.5f};
static const grid_type iq3_s = {iq3_s_points, iq3_s_levels, 512, 4, 3, 8, 32, 0, 1, 2};

// What each combination of the levels of half a point's elements costs; combinations with digits that are no level are never looked at.
CAPLET_INLINE void add_up(const grid_type *type, const float *x, const float *weights, float scale, float *sums) {
    int half = type->digits / 2;
    if (type->level_count < 1 << type->bits) memset(sums, 0, MOST_COMBINATIONS * sizeof *sums);
    sums[0] = 0;
    for (int k = 0, filled = 1; k < half; k++, filled <<= type->bits) {
        for (int level = type->level_count - 1; level >= 0; level--) {
            float rest = x[k] - scale * type->levels[level], cost = weights[k] * rest * rest;
            for (int i = 0; i < filled; i++) sums[(level << (k * type->bits)) + i] = sums[i] + cost;
        }
    }
}

// The point nearest to magnitudes x, its cost added to *cost.
CAPLET_INLINE int nearest_point(const grid_type *type, const float *x, const float *weights, float scale, float *cost) {
    float low[MOST_COMBINATIONS], high[MOST_COMBINATIONS];
    int half = type->digits / 2, shift = half * type->bits, mask = (1 << shift) - 1, best = 0;
    add_up(type, x, weights, scale, low);
    add_up(type, x + half, weights + half, scale, high);
    float least = INFINITY;
    for (int p = 0; p < type->point_count; p++) {
        unsigned point = type->points[p];
        float sum = low[point & (unsigned)mask] + high[point >> shift];
        if (sum < least) {
            least = sum;
            best = p;
        }
    }
    *cost += least;
    return best;
}

CAPLET_INLINE float level_at(const grid_type *type, int point, int k) {
    return type->levels[type->points[point] >> (k * type->bits) & ((1 << type->bits) - 1)];
}

// Minus signs of eight elements as bits, and their magnitudes: where the number of signs has to be even and is not, that of the element whose
// error counts least is turned, and its magnitude is negative.
CAPLET_INLINE unsigned signs_of(const grid_type *type, const float *x, const float *weights, float *magnitudes) {
    unsigned signs = 0;
    for (int k = 0; k < EIGHT; k++) {
        signs |= (unsigned)(x[k] < 0) << k;
        magnitudes[k] = fabsf(x[k]);
    }
    if (!type->is_even || !(__builtin_popcount(signs) & 1)) return signs;
    int turned = 0;
    for (int k = 1; k < EIGHT; k++) {
        if (weights[k] * magnitudes[k] * magnitudes[k] < weights[turned] * magnitudes[turned] * magnitudes[turned]) turned = k;
    }
    magnitudes[turned] = -magnitudes[turned];
    return signs ^ 1u << turned;
}

// The cost of a group's magnitudes at a scale, and the sums that give the best scale for the points that are nearest.
typedef struct { float cost, qq, qx; } group_sums;

CAPLET_INLINE group_sums sums_at(const grid_type *type, const float *magnitudes, const float *weights, float scale) {
    group_sums sums = {0, 0, 0};
    for (int i = 0; i < type->group; i += type->digits) {
        int point = nearest_point(type, magnitudes + i, weights + i, scale, &sums.cost);
        for (int k = 0; k < type->digits; k++) {
            float q = level_at(type, point, k);
            sums.qq += weights[i + k] * q * q;
            sums.qx += weights[i + k] * q * magnitudes[i + k];
        }
    }
    return sums;
}

// A scale of small error for a group.
CAPLET_INLINE float fitted(const grid_type *type, const float *magnitudes, const float *weights) {
    float most = 0, best = 0, gain = 0;
    for (int i = 0; i < type->group; i++) most = magnitudes[i] > most ? magnitudes[i] : most;
    float outermost = type->levels[type->level_count - 1];
    for (int k = 0; k < 7 && most > 0; k++) {
        float scale = most / outermost * (k < 6 ? 0.55f + 0.13f * (float)k : 0);
        if (k == 6) scale = best;
        group_sums sums = sums_at(type, magnitudes, weights, scale);
        if (sums.qx > 0 && sums.qx * sums.qx / sums.qq > gain) {
            gain = sums.qx * sums.qx / sums.qq;
            best = sums.qx / sums.qq;
        }
    }
    return best;
}

CAPLET_INLINE float rounded_to_half(float value) { return f32_of_f16(f16_of_f32(value)); }

// Finds d and the integers of all groups for magnitudes. Returns d.
CAPLET_INLINE float find_scales(const grid_type *type, const float *magnitudes, const float *weights, int *integers) {
    int groups = ELEMENTS / type->group;
    float scales[ELEMENTS / 16], most = 0;
    for (int g = 0; g < groups; g++) {
        scales[g] = fitted(type, magnitudes + g * type->group, weights + g * type->group);
        most = scales[g] > most ? scales[g] : most;
    }
    float d = rounded_to_half(most / (type->least + 15 * type->step)), unit = d > 0 ? 1 / d : 0, qq = 0, qx = 0;
    if (!isfinite(unit)) unit = 0;
    for (int g = 0; g < groups; g++) {
        float place = rintf((scales[g] * unit - type->least) / type->step), least = INFINITY;
        int middle = place > 0 ? (place < 15 ? (int)place : 15) : 0, chosen = middle;
        group_sums found = {0, 0, 0};
        for (int trial = middle - 1; trial <= middle + 1; trial++) {
            if (trial < 0 || trial > 15) continue;
            float base = type->least + type->step * (float)trial;
            group_sums sums = sums_at(type, magnitudes + g * type->group, weights + g * type->group, d * base);
            if (!(sums.cost < least)) continue;
            least = sums.cost;
            chosen = trial;
            found = (group_sums){0, base * base * sums.qq, base * sums.qx};
        }
        integers[g] = chosen;
        qq += found.qq;
        qx += found.qx;
    }
    return qq > 0 && qx > 0 ? rounded_to_half(qx / qq) : d;
}

CAPLET_INLINE void put_sixteen(uint8_t *bytes, unsigned value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

CAPLET_INLINE void add_word(uint8_t *bytes, uint32_t value) {
    for (int k = 0; k < 4; k++) bytes[k] |= (uint8_t)(value >> (8 * k));
}

// Puts d and the integers of the groups into an empty block.
CAPLET_INLINE void put_scales(const grid_type *type, float d, const int *integers, uint8_t *block) {
    put_f16_of_f32(d, block);
    for (int g = 0; g < ELEMENTS / type->group; g++) {
        unsigned integer = (unsigned)integers[g], nibble = integer << (g % 2 * 4);
        if (type == &iq2_xxs) add_word(block + 2 + g * 8 + 4, integer << 28);
        if (type == &iq2_xs) block[66 + g / 2] |= (uint8_t)nibble;
        if (type == &iq2_s) block[74 + g / 2] |= (uint8_t)nibble;
        if (type == &iq3_xxs) add_word(block + 66 + g * 4, integer << 28);
        if (type == &iq3_s) block[106 + g / 2] |= (uint8_t)nibble;
    }
}

// Puts the points and signs of eight elements, the n-th of 32 times so many.
CAPLET_INLINE void put_eight(const grid_type *type, int n, unsigned signs, const int *points, uint8_t *block) {
    unsigned point = (unsigned)points[0], other = (unsigned)points[1], seven = signs & 127u;
    if (type == &iq2_xxs) {
        block[2 + n / 4 * 8 + n % 4] = (uint8_t)point;
        add_word(block + 2 + n / 4 * 8 + 4, seven << (7 * (n % 4)));
    }
    if (type == &iq2_xs) put_sixteen(block + 2 + n * 2, point | seven << 9);
    if (type == &iq2_s) {
        block[2 + n] = (uint8_t)point;
        block[34 + n] = (uint8_t)signs;
        block[66 + n / 4] |= (uint8_t)(point >> 8 << (n % 4 * 2));
    }
    if (type == &iq3_xxs) {
        block[2 + n * 2] = (uint8_t)point;
        block[3 + n * 2] = (uint8_t)other;
        add_word(block + 66 + n / 4 * 4, seven << (7 * (n % 4)));
    }
    if (type == &iq3_s) {
        block[2 + n * 2] = (uint8_t)point;
        block[3 + n * 2] = (uint8_t)other;
        block[66 + n / 4] |= (uint8_t)((point >> 8 | other >> 8 << 1) << (n % 4 * 2));
        block[74 + n] = (uint8_t)signs;
    }
}

CAPLET_INLINE double round_block(
    const grid_type *type, size_t bytes, float *values, const float *weights, const float *factor, size_t stride, uint8_t *block,
    float *errors
) {
    float magnitudes[ELEMENTS];
    int integers[ELEMENTS / 16];
    memset(block, 0, bytes);
    for (int i = 0; i < ELEMENTS; i += EIGHT) signs_of(type, values + i, weights + i, magnitudes + i);
    for (int i = 0; i < ELEMENTS; i++) {
        if (!(fabsf(values[i]) < 1e12f)) {
            put_f16_of_f32(INFINITY, block);
            return INFINITY;
        }
    }
    float d = find_scales(type, magnitudes, weights, integers);
    put_scales(type, d, integers, block);
    double sum = 0;
    for (int i = 0; i < ELEMENTS; i += EIGHT) {
        float scale = d * (type->least + type->step * (float)integers[i / type->group]), cost = 0;
        unsigned signs = signs_of(type, values + i, weights + i, magnitudes);
        int points[2] = {0, 0};
        for (int p = 0; p < EIGHT / type->digits; p++) {
            points[p] = nearest_point(type, magnitudes + p * type->digits, weights + i + p * type->digits, scale, &cost);
        }
        put_eight(type, i / EIGHT, signs, points, block);
        for (int k = 0; k < EIGHT; k++) {
            float q = scale * level_at(type, points[k / type->digits], k % type->digits);
            float error = values[i + k] - (signs >> k & 1u ? -q : q);
            if (factor) {
                const float *row = factor + (size_t)(i + k) * stride;
                error /= row[i + k];
                for (int j = i + k + 1; j < ELEMENTS; j++) values[j] -= error * row[j];
            }
            errors[i + k] = error;
            sum += (double)error * (double)error;
        }
    }
    return sum;
}

#define GRID_BLOCKS(name, bytes)                                                                                              \
    CAPLET_KERNEL(                                                                                                            \
        double, caplet_##name##_round,                                                                                        \
        (float *values, const float *weights, const float *factor, size_t stride, uint8_t *block, float *errors),             \
        (values, weights, factor, stride, block, errors)                                                                      \
    ) {                                                                                                                       \
        return round_block(&name, bytes, values, weights, factor, stride, block, errors);                                     \
    }

GRID_BLOCKS(iq2_xxs, 66)
GRID_BLOCKS(iq2_xs, 74)
GRID_BLOCKS(iq2_s, 82)
GRID_BLOCKS(iq3_xxs, 98)
GRID_BLOCKS(iq3_s, 110)
