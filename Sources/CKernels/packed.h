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

// Sums over the codes of one group: sums[t * 16 + lane] = sum of code * x[t]. Code d of a word, or of the bits that are left of a bundle,
// goes to accumulator d % 4, and these are added as (0 + 1) + (2 + 3).
typedef void packed_product(const uint32_t *words, int bits, size_t count, const float *x, size_t stride, size_t tokens, float *sums);
// The scales of a group as floats.
typedef void packed_scales(const void *scales, caplet_scale_kind kind, size_t index, float *out);

// -8 ... 7.
extern const float caplet_difference_table[16];

// A word holds 32 / bits codes. Where bits are left over, those of the words of a bundle hold further codes, so that no bit is wasted: 32
// codes in 3, 5 or 7 words of as many bits, 16 in 3 words of 6. Codes after the last whole bundle leave them empty.
CAPLET_PACKED_INLINE int digits_of(int bits) { return 32 / bits; }
CAPLET_PACKED_INLINE int spare_of(int bits) { return 32 % bits; }
CAPLET_PACKED_INLINE int bundle_words(int bits) { return spare_of(bits) == 0 ? 1 : bits == 6 ? 3 : bits; }
CAPLET_PACKED_INLINE int bundle_codes(int bits) { return bundle_words(bits) * 32 / bits; }

// Words of a lane that `count` codes take.
CAPLET_PACKED_INLINE size_t packed_words(size_t count, int bits) {
    size_t codes = (size_t)bundle_codes(bits), digits = (size_t)digits_of(bits);
    return count / codes * (size_t)bundle_words(bits) + (count % codes + digits - 1) / digits;
}

// What a code is stored as, more than itself.
CAPLET_PACKED_INLINE int32_t bias_of(int bits) { return 1 << (bits - 1); }

CAPLET_PACKED_INLINE int32_t digit_of(uint32_t word, int bits, int digit) {
    return (int32_t)(word >> (bits * digit) & ((1u << bits) - 1)) - bias_of(bits);
}

// Vectors make floats of codes without a conversion: a code's bits from bit p on, below the exponent of 2^23, are 2^23 + 2^p * code, and
// less 2^23 + 2^p * bias that is 2^p times the code's value, exactly. All codes of an accumulator have one p, which ends with a product of
// 2^-p; a word is shifted by as much as brings a code there.
CAPLET_PACKED_INLINE int place_of(int bits, int digit) {
    int part = digit & 3;
    if (bits <= 5) return bits * part;
    if (bits <= 7) return part == 3 ? 0 : bits * part;
    return part & 1 ? bits : 0;
}
CAPLET_PACKED_INLINE int shift_to_place(int bits, int digit) { return bits * digit - place_of(bits, digit); }
CAPLET_PACKED_INLINE uint32_t mask_at_place(int bits, int digit) { return ((1u << bits) - 1) << place_of(bits, digit); }
CAPLET_PACKED_INLINE float bias_at_place(int bits, int digit) { return 8388608.0f + (float)(bias_of(bits) << place_of(bits, digit)); }
CAPLET_PACKED_INLINE float scale_of_place(int bits, int digit) { return 1.0f / (float)(1 << place_of(bits, digit)); }
enum { EXPONENT_OF_PLACE = 0x4B000000 };

// An escape is column % 256 << 8 | lane << 4 | difference + 8.
enum { ESCAPE_COLUMNS = CAPLET_ESCAPE_COLUMNS };
CAPLET_PACKED_INLINE size_t escape_column(uint16_t escape) { return escape >> 8; }
CAPLET_PACKED_INLINE size_t escape_lane(uint16_t escape) { return (escape >> 4) & 15; }
CAPLET_PACKED_INLINE float escape_difference(uint16_t escape) { return caplet_difference_table[escape & 15]; }

// Where the walk through a block's escapes is: a segment of 256 columns, and an escape.
typedef struct {
    size_t segment, escape;
} escape_place;

// Sums the escapes before column `end`, for a token's inputs x, which begin at column 0.
CAPLET_PACKED_INLINE escape_place sum_escapes(const caplet_packed_matrix *m, const uint32_t *starts, size_t segments, escape_place place,
                                              size_t end, const float *x, float *sums) {
    memset(sums, 0, PACKED_ROWS * sizeof(float));
    for (; place.segment < segments; place.segment++) {
        size_t first = place.segment * ESCAPE_COLUMNS, last = starts[place.segment + 1], limit = end - first;
        for (; place.escape < last; place.escape++) {
            uint16_t entry = m->escapes[place.escape];
            size_t column = escape_column(entry);
            if (column >= limit) return place;
            float *sum = sums + escape_lane(entry);
            *sum = fmaf(escape_difference(entry), x[first + column], *sum);
        }
        if (first + ESCAPE_COLUMNS >= end) return place;
    }
    return place;
}

CAPLET_PACKED_INLINE size_t segments_of(const caplet_packed_matrix *m) { return (m->columns + ESCAPE_COLUMNS - 1) / ESCAPE_COLUMNS; }

// Adds blocks first ..< last of the product to y, group by group: scale * (sums of digits + escapes + offset * sum of x).
CAPLET_PACKED_INLINE void packed_rows(const caplet_packed_matrix *m, size_t first, size_t last, const float *x, size_t stride,
                                      const float *group_sums, size_t tokens, float *y, size_t y_stride, packed_product *product,
                                      packed_scales *scales) {
    float sums[PACKED_TOKENS * PACKED_ROWS], rare[PACKED_TOKENS * PACKED_ROWS], scale[PACKED_ROWS];
    size_t segments = segments_of(m);
    for (size_t block = first; block < last; block++) {
        int bits = m->widths[block];
        size_t row = block * PACKED_ROWS, lanes = m->rows - row < PACKED_ROWS ? m->rows - row : PACKED_ROWS;
        const uint32_t *words = m->words + m->starts[block];
        const uint32_t *escapes = m->escape_starts + block * segments;
        escape_place place = {0, escapes[0]};
        for (size_t group = 0; group < m->groups; group++) {
            size_t start = group * m->group_size;
            size_t count = m->columns - start < m->group_size ? m->columns - start : m->group_size;
            size_t index = (block * m->groups + group) * PACKED_ROWS;
            escape_place next = place;
            scales(m->scales, m->scale_kind, index, scale);
            for (size_t token = 0; token < tokens;) {
                size_t some = tokens - token < PACKED_TOKENS ? 1 : PACKED_TOKENS;
                const float *from = x + token * stride;
                // Before the product, which then does not wait for these sums one by one.
                for (size_t t = 0; t < some; t++) {
                    next = sum_escapes(m, escapes, segments, place, start + count, from + t * stride, rare + t * PACKED_ROWS);
                }
                product(words, bits, count, from + start, stride, some, sums);
                for (size_t t = 0; t < some; t++) {
                    float *sum = sums + t * PACKED_ROWS, *out = y + (token + t) * y_stride + row;
                    for (size_t lane = 0; lane < PACKED_ROWS; lane++) sum[lane] += rare[t * PACKED_ROWS + lane];
                    if (group_sums) {
                        float inputs = group_sums[(token + t) * m->groups + group];
                        for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
                            int zero = m->zeros ? m->zeros[index + lane] : 0;
                            sum[lane] = fmaf((float)(m->centers[block] - zero), inputs, sum[lane]);
                        }
                    }
                    if (lanes == PACKED_ROWS) {
                        for (size_t lane = 0; lane < PACKED_ROWS; lane++) out[lane] = fmaf(scale[lane], sum[lane], out[lane]);
                    } else {
                        for (size_t lane = 0; lane < lanes; lane++) out[lane] = fmaf(scale[lane], sum[lane], out[lane]);
                    }
                }
                token += some;
            }
            place = next;
            words += packed_words(count, bits) * PACKED_ROWS;
        }
    }
}

// The rows function of each kind of processor; null where there is none in this build.
typedef void packed_rows_function(const caplet_packed_matrix *m, size_t first, size_t last, const float *x, size_t stride,
                                  const float *group_sums, size_t tokens, float *y, size_t y_stride);
packed_rows_function caplet_packed_rows_narrow, caplet_packed_rows_wide;

#endif
