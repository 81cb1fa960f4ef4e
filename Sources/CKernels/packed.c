#include "packed.h"

const float caplet_difference_table[16] = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};

// Code j of `count` that begin at `words`, and the number that it has in its word or among the bits that are left.
static int32_t code_of(const uint32_t *words, size_t lane, size_t count, size_t j, int bits, int *digit) {
    size_t codes = (size_t)bundle_codes(bits), digits = (size_t)digits_of(bits);
    const uint32_t *bundle = words + j / codes * (size_t)bundle_words(bits) * PACKED_ROWS + lane;
    size_t place = j % codes, spares = (size_t)bundle_words(bits) * digits;
    if (j / codes == count / codes || place < spares) {
        *digit = (int)(place % digits);
        return digit_of(bundle[place / digits * PACKED_ROWS], bits, *digit);
    }
    int spare = spare_of(bits);
    uint32_t left = 0;
    for (int w = 0; w < bundle_words(bits); w++) left |= bundle[w * PACKED_ROWS] >> (32 - spare) << (w * spare);
    *digit = (int)(place - spares);
    return digit_of(left, bits, *digit);
}

static void product_reference(const uint32_t *words, int bits, size_t count, const float *x, size_t stride, size_t tokens, float *sums) {
    for (size_t t = 0; t < tokens; t++) {
        for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
            float parts[4] = {0};
            for (size_t j = 0; j < count; j++) {
                int digit;
                float code = (float)code_of(words, lane, count, j, bits, &digit);
                parts[digit % 4] = fmaf(code, x[t * stride + j], parts[digit % 4]);
            }
            sums[t * PACKED_ROWS + lane] = (parts[0] + parts[1]) + (parts[2] + parts[3]);
        }
    }
}

static void scales_reference(const void *scales, caplet_scale_kind kind, size_t index, float *out) {
    for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
        switch (kind) {
        case CAPLET_SCALE_F32: out[lane] = ((const float *)scales)[index + lane]; break;
        case CAPLET_SCALE_BF16: out[lane] = float_of((uint32_t)((const uint16_t *)scales)[index + lane] << 16); break;
        case CAPLET_SCALE_F16: out[lane] = f32_of_f16(((const uint16_t *)scales)[index + lane]); break;
        }
    }
}

static void rows_reference(const caplet_packed_matrix *m, size_t first, size_t last, const float *x, size_t stride,
                           const float *group_sums, size_t tokens, float *y, size_t y_stride) {
    packed_rows(m, first, last, x, stride, group_sums, tokens, y, y_stride, product_reference, scales_reference);
}

caplet_vector_level caplet_packed_level(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512dq")) {
        return CAPLET_VECTORS_WIDE;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")) return CAPLET_VECTORS_NARROW;
    return CAPLET_VECTORS_NONE;
#elif defined(__aarch64__)
    return CAPLET_VECTORS_NARROW;
#else
    return CAPLET_VECTORS_NONE;
#endif
}

void caplet_packed_product(caplet_vector_level level, const caplet_packed_matrix *matrix, size_t first, size_t last, const float *x,
                           size_t stride, const float *group_sums, size_t tokens, float *y, size_t y_stride) {
    switch (level) {
#if defined(__x86_64__)
    case CAPLET_VECTORS_WIDE: caplet_packed_rows_wide(matrix, first, last, x, stride, group_sums, tokens, y, y_stride); return;
#endif
#if defined(__x86_64__) || defined(__aarch64__)
    case CAPLET_VECTORS_NARROW: caplet_packed_rows_narrow(matrix, first, last, x, stride, group_sums, tokens, y, y_stride); return;
#endif
    default: rows_reference(matrix, first, last, x, stride, group_sums, tokens, y, y_stride);
    }
}

void caplet_packed_row(const caplet_packed_matrix *m, size_t row, float *out) {
    size_t block = row / PACKED_ROWS, lane = row % PACKED_ROWS, segments = segments_of(m);
    int bits = m->widths[block];
    const uint32_t *words = m->words + m->starts[block];
    for (size_t group = 0; group < m->groups; group++) {
        size_t start = group * m->group_size;
        size_t count = m->columns - start < m->group_size ? m->columns - start : m->group_size;
        int zero = m->zeros ? m->zeros[(block * m->groups + group) * PACKED_ROWS + lane] : 0;
        for (size_t j = 0; j < count; j++) {
            int digit;
            out[start + j] = (float)(code_of(words, lane, count, j, bits, &digit) + m->centers[block] - zero);
        }
        words += packed_words(count, bits) * PACKED_ROWS;
    }
    const uint32_t *starts = m->escape_starts + block * segments;
    for (size_t segment = 0; segment < segments; segment++) {
        for (size_t e = starts[segment]; e < starts[segment + 1]; e++) {
            if (escape_lane(m->escapes[e]) != lane) continue;
            out[segment * ESCAPE_COLUMNS + escape_column(m->escapes[e])] += escape_difference(m->escapes[e]);
        }
    }
    for (size_t group = 0; group < m->groups; group++) {
        float scale[PACKED_ROWS];
        scales_reference(m->scales, m->scale_kind, (block * m->groups + group) * PACKED_ROWS, scale);
        size_t end = (group + 1) * m->group_size < m->columns ? (group + 1) * m->group_size : m->columns;
        for (size_t j = group * m->group_size; j < end; j++) out[j] *= scale[lane];
    }
}

void caplet_packed_histogram(const uint8_t *codes, int is_signed, size_t count, uint32_t *histogram) {
    int shift = is_signed ? 0 : 128;
    for (size_t i = 0; i < count; i++) histogram[is_signed ? (int8_t)codes[i] + 128 : codes[i] + shift]++;
}

size_t caplet_packed_words(size_t count, int bits) { return packed_words(count, bits) * PACKED_ROWS; }

static const size_t SPREAD = (size_t)-1;

// The bit of a lane's words at which code j of `count` begins; SPREAD where its bits are those that are left at the top of words.
static size_t word_place(size_t count, size_t j, int bits) {
    size_t codes = (size_t)bundle_codes(bits), digits = (size_t)digits_of(bits), place = j % codes;
    if (j / codes < count / codes && place >= (size_t)bundle_words(bits) * digits) return SPREAD;
    return (j / codes * (size_t)bundle_words(bits) + place / digits) * 32 + place % digits * (size_t)bits;
}

static void spread_code(uint32_t *words, size_t lane, size_t j, int bits, uint32_t digit) {
    size_t codes = (size_t)bundle_codes(bits), spare = (size_t)spare_of(bits), bundle = (size_t)bundle_words(bits);
    uint32_t *first = words + j / codes * bundle * PACKED_ROWS + lane;
    size_t start = (j % codes - bundle * (size_t)digits_of(bits)) * (size_t)bits;
    for (size_t bit = 0; bit < (size_t)bits; bit++) {
        size_t at = start + bit;
        first[at / spare * PACKED_ROWS] |= (digit >> bit & 1) << (32 - spare + at % spare);
    }
}

size_t caplet_packed_encode(const uint8_t *codes, int is_signed, size_t rows, size_t columns, size_t group_size, int bits, int center,
                            uint32_t *words, uint16_t *escapes, uint32_t *escape_counts) {
    int low = -bias_of(bits), high = bias_of(bits) - 1;
    size_t escape_count = 0;
    for (size_t segment = 0; segment * ESCAPE_COLUMNS < columns; segment++) escape_counts[segment] = 0;
    for (size_t start = 0; start < columns; start += group_size) {
        size_t count = columns - start < group_size ? columns - start : group_size;
        size_t word_count = packed_words(count, bits) * PACKED_ROWS;
        memset(words, 0, word_count * sizeof *words);
        for (size_t j = 0; j < count; j++) {
            size_t column = start + j, place = word_place(count, j, bits);
            for (size_t lane = 0; lane < rows; lane++) {
                uint8_t code = codes[lane * columns + column];
                int value = (is_signed ? (int8_t)code : code) - center;
                int digit = value < low ? low : value > high ? high : value;
                if (place != SPREAD) {
                    words[place / 32 * PACKED_ROWS + lane] |= (uint32_t)(digit - low) << (place % 32);
                } else {
                    spread_code(words, lane, j, bits, (uint32_t)(digit - low));
                }
                for (int rest = value - digit; rest != 0;) {
                    int part = rest < -8 ? -8 : rest > 7 ? 7 : rest;
                    escapes[escape_count++] = (uint16_t)(column % ESCAPE_COLUMNS << 8 | lane << 4 | (size_t)(part + 8));
                    escape_counts[column / ESCAPE_COLUMNS]++;
                    rest -= part;
                }
            }
        }
        words += word_count;
    }
    return escape_count;
}
