#ifndef CAPLET_PACKED_H
#define CAPLET_PACKED_H

#include "CKernels.h"
#include "half.h"

#include <math.h>
#include <string.h>

// Each product and sum is rounded where it says so, and nowhere else: the same floats on every processor.
#pragma STDC FP_CONTRACT OFF

#define CAPLET_PACKED_INLINE static inline __attribute__((always_inline))

enum { PACKED_ROWS = CAPLET_PACKED_ROWS, PACKED_TOKENS = 4 };

// Sums over the codes of one group: sums[t * 16 + lane] = sum of digit * x[t]. Digit d of a word goes to accumulator d % 4, and
// these are added as (0 + 1) + (2 + 3).
typedef void packed_product(const uint32_t *words, int bits, size_t count, const float *x, size_t stride, size_t tokens, float *sums);
// The scales of a group as floats.
typedef void packed_scales(const void *scales, caplet_scale_kind kind, size_t index, float *out);

// Digits as signed numbers of `bits` bits, by the lowest four or five bits of a word.
extern const float caplet_digit_table[6][32];

CAPLET_PACKED_INLINE int digits_of(int bits) { return 32 / bits; }

CAPLET_PACKED_INLINE int32_t digit_of(uint32_t word, int bits, int digit) {
    return (int32_t)(word << (32 - bits - bits * digit)) >> (32 - bits);
}

CAPLET_PACKED_INLINE size_t escape_column(uint32_t escape) { return escape >> 13; }
CAPLET_PACKED_INLINE size_t escape_lane(uint32_t escape) { return (escape >> 9) & 15; }
CAPLET_PACKED_INLINE int32_t escape_difference(uint32_t escape) { return (int32_t)(escape << 23) >> 23; }

// Adds blocks first ..< last of the product to y, group by group: scale * (sums of digits + escapes + offset * sum of x).
CAPLET_PACKED_INLINE void packed_rows(const caplet_packed_matrix *m, size_t first, size_t last, const float *x, size_t stride,
                                      const float *group_sums, size_t tokens, float *y, size_t y_stride, packed_product *product,
                                      packed_scales *scales) {
    float sums[PACKED_TOKENS * PACKED_ROWS], scale[PACKED_ROWS];
    for (size_t block = first; block < last; block++) {
        int bits = m->widths[block];
        size_t digits = (size_t)digits_of(bits), row = block * PACKED_ROWS;
        size_t lanes = m->rows - row < PACKED_ROWS ? m->rows - row : PACKED_ROWS;
        const uint32_t *words = m->words + m->starts[block];
        size_t escape = m->escape_starts[block], end = m->escape_starts[block + 1];
        for (size_t group = 0; group < m->groups; group++) {
            size_t start = group * m->group_size;
            size_t count = m->columns - start < m->group_size ? m->columns - start : m->group_size;
            size_t escapes_end = escape;
            while (escapes_end < end && escape_column(m->escapes[escapes_end]) < start + count) escapes_end++;
            size_t place = (block * m->groups + group) * PACKED_ROWS;
            scales(m->scales, m->scale_kind, place, scale);
            for (size_t token = 0; token < tokens;) {
                size_t some = tokens - token < PACKED_TOKENS ? 1 : PACKED_TOKENS;
                const float *from = x + token * stride;
                product(words, bits, count, from + start, stride, some, sums);
                for (size_t t = 0; t < some; t++) {
                    float *sum = sums + t * PACKED_ROWS, *out = y + (token + t) * y_stride + row;
                    for (size_t e = escape; e < escapes_end; e++) {
                        uint32_t entry = m->escapes[e];
                        float *one = sum + escape_lane(entry);
                        *one = fmaf((float)escape_difference(entry), from[t * stride + escape_column(entry)], *one);
                    }
                    if (group_sums) {
                        float inputs = group_sums[(token + t) * m->groups + group];
                        for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
                            int zero = m->zeros ? m->zeros[place + lane] : 0;
                            sum[lane] = fmaf((float)(m->centers[block] - zero), inputs, sum[lane]);
                        }
                    }
                    for (size_t lane = 0; lane < lanes; lane++) out[lane] = fmaf(scale[lane], sum[lane], out[lane]);
                }
                token += some;
            }
            escape = escapes_end;
            words += (count + digits - 1) / digits * PACKED_ROWS;
        }
    }
}

// The rows function of each kind of processor; null where there is none in this build.
typedef void packed_rows_function(const caplet_packed_matrix *m, size_t first, size_t last, const float *x, size_t stride,
                                  const float *group_sums, size_t tokens, float *y, size_t y_stride);
packed_rows_function caplet_packed_rows_narrow, caplet_packed_rows_wide;

#endif
