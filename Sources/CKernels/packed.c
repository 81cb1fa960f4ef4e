#include "packed.h"

const float caplet_digit_table[6][32] = {
    {0},
    {0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1},
    {0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1, 0, 1, -2, -1},
    {0, 1, 2, 3, -4, -3, -2, -1, 0, 1, 2, 3, -4, -3, -2, -1},
    {0, 1, 2, 3, 4, 5, 6, 7, -8, -7, -6, -5, -4, -3, -2, -1},
    {0,   1,   2,   3,   4,   5,   6,   7,   8,  9,  10, 11, 12, 13, 14, 15,
     -16, -15, -14, -13, -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1},
};

static void product_reference(const uint32_t *words, int bits, size_t count, const float *x, size_t stride, size_t tokens, float *sums) {
    int digits = digits_of(bits);
    for (size_t t = 0; t < tokens; t++) {
        for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
            float parts[4] = {0};
            for (size_t j = 0; j < count; j++) {
                int digit = (int)(j % (size_t)digits);
                uint32_t word = words[j / (size_t)digits * PACKED_ROWS + lane];
                parts[digit % 4] = fmaf((float)digit_of(word, bits, digit), x[t * stride + j], parts[digit % 4]);
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
    size_t block = row / PACKED_ROWS, lane = row % PACKED_ROWS;
    int bits = m->widths[block], digits = digits_of(bits);
    const uint32_t *words = m->words + m->starts[block] + lane;
    size_t escape = m->escape_starts[block], end = m->escape_starts[block + 1];
    for (size_t group = 0; group < m->groups; group++) {
        size_t start = group * m->group_size;
        size_t count = m->columns - start < m->group_size ? m->columns - start : m->group_size;
        size_t place = (block * m->groups + group) * PACKED_ROWS;
        float scale[PACKED_ROWS];
        scales_reference(m->scales, m->scale_kind, place, scale);
        int offset = m->centers[block] - (m->zeros ? m->zeros[place + lane] : 0);
        for (size_t j = 0; j < count; j++) {
            uint32_t word = words[j / (size_t)digits * PACKED_ROWS];
            out[start + j] = (float)(digit_of(word, bits, (int)(j % (size_t)digits)) + offset);
        }
        for (; escape < end && escape_column(m->escapes[escape]) < start + count; escape++) {
            uint32_t entry = m->escapes[escape];
            if (escape_lane(entry) == lane) out[escape_column(entry)] += (float)escape_difference(entry);
        }
        for (size_t j = 0; j < count; j++) out[start + j] *= scale[lane];
        words += (count + (size_t)digits - 1) / (size_t)digits * PACKED_ROWS;
    }
}

void caplet_packed_histogram(const uint8_t *codes, int is_signed, size_t count, uint32_t *histogram) {
    int shift = is_signed ? 0 : 128;
    for (size_t i = 0; i < count; i++) histogram[is_signed ? (int8_t)codes[i] + 128 : codes[i] + shift]++;
}

size_t caplet_packed_encode(const uint8_t *codes, int is_signed, size_t rows, size_t columns, size_t group_size, int bits, int center,
                            uint32_t *words, uint32_t *escapes) {
    int digits = digits_of(bits), low = -(1 << (bits - 1)), high = (1 << (bits - 1)) - 1;
    uint32_t mask = bits == 32 ? ~0u : (1u << bits) - 1;
    size_t escape_count = 0;
    for (size_t start = 0; start < columns; start += group_size) {
        size_t count = columns - start < group_size ? columns - start : group_size;
        size_t word_count = (count + (size_t)digits - 1) / (size_t)digits * PACKED_ROWS;
        memset(words, 0, word_count * sizeof *words);
        for (size_t j = 0; j < count; j++) {
            uint32_t *word = words + j / (size_t)digits * PACKED_ROWS;
            int place = (int)(j % (size_t)digits) * bits;
            for (size_t lane = 0; lane < rows; lane++) {
                uint8_t code = codes[lane * columns + start + j];
                int value = (is_signed ? (int8_t)code : code) - center;
                int digit = value < low ? low : value > high ? high : value;
                word[lane] |= ((uint32_t)digit & mask) << place;
                if (digit != value) {
                    escapes[escape_count++] = (uint32_t)(start + j) << 13 | (uint32_t)lane << 9 | ((uint32_t)(value - digit) & 511);
                }
            }
        }
        words += word_count;
    }
    return escape_count;
}
