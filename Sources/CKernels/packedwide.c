#include "packed.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,f16c")))

typedef struct {
    __m512i masks[4];
    __m512 biases[4];
    __m512 parts[PACKED_TOKENS][4];
} wide_sums;

WIDE CAPLET_PACKED_INLINE void add_code(wide_sums *sums, __m512i word, const int bits, const int digit, const float *x, size_t stride,
                                        const int tokens) {
    const int shift = shift_to_place(bits, digit), part = digit & 3;
    __m512i placed = shift == 0 ? word : _mm512_srli_epi32(word, (unsigned)shift);
    __m512i exponent = _mm512_set1_epi32(EXPONENT_OF_PLACE);
    __m512i floats = _mm512_ternarylogic_epi32(placed, sums->masks[part], exponent, 0xEA);  // (placed & mask) | exponent
    __m512 values = _mm512_sub_ps(_mm512_castsi512_ps(floats), sums->biases[part]);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        sums->parts[t][part] = _mm512_fmadd_ps(values, _mm512_set1_ps(x[(size_t)t * stride]), sums->parts[t][part]);
    }
}

WIDE CAPLET_PACKED_INLINE void product(const uint32_t *words, size_t count, const float *x, size_t stride, float *out, const int bits,
                                       const int tokens) {
    const int digits = digits_of(bits), bundle = bundle_words(bits), spare = spare_of(bits), codes = bundle_codes(bits);
    wide_sums sums;
    for (int k = 0; k < 4; k++) {
        sums.masks[k] = _mm512_set1_epi32((int)mask_at_place(bits, k));
        sums.biases[k] = _mm512_set1_ps(bias_at_place(bits, k));
        for (int t = 0; t < tokens; t++) sums.parts[t][k] = _mm512_setzero_ps();
    }
    for (size_t b = 0; b < count / (size_t)codes; b++, words += bundle * PACKED_ROWS, x += codes) {
        __m512i left = _mm512_setzero_si512();
#pragma clang loop unroll(full)
        for (int w = 0; w < bundle; w++) {
            __m512i word = _mm512_loadu_si512(words + w * PACKED_ROWS);
#pragma clang loop unroll(full)
            for (int d = 0; d < digits; d++) add_code(&sums, word, bits, d, x + w * digits + d, stride, tokens);
            if (spare > 0) {
                __m512i top = _mm512_srli_epi32(word, (unsigned)(32 - spare));
                left = _mm512_or_si512(left, _mm512_slli_epi32(top, (unsigned)(w * spare)));
            }
        }
#pragma clang loop unroll(full)
        for (int d = 0; d < codes - bundle * digits; d++) add_code(&sums, left, bits, d, x + bundle * digits + d, stride, tokens);
    }
    int rest = (int)(count % (size_t)codes);
#pragma clang loop unroll(full)
    for (int j = 0; j < codes; j++) {
        if (j < rest) add_code(&sums, _mm512_loadu_si512(words + j / digits * PACKED_ROWS), bits, j % digits, x + j, stride, tokens);
    }
    for (int t = 0; t < tokens; t++) {
        __m512 *parts = sums.parts[t];
        for (int k = 0; k < 4; k++) parts[k] = _mm512_mul_ps(parts[k], _mm512_set1_ps(scale_of_place(bits, k)));
        __m512 sum = _mm512_add_ps(_mm512_add_ps(parts[0], parts[1]), _mm512_add_ps(parts[2], parts[3]));
        _mm512_storeu_ps(out + t * PACKED_ROWS, sum);
    }
}

WIDE static void product_wide(const uint32_t *words, int bits, size_t count, const float *x, size_t stride, size_t tokens, float *sums) {
#define CASE(B)                                                       \
    case B:                                                           \
        if (tokens == 1) product(words, count, x, stride, sums, B, 1); \
        else product(words, count, x, stride, sums, B, PACKED_TOKENS); \
        return;
    switch (bits) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
        CASE(7)
        CASE(8)
    }
#undef CASE
}

WIDE CAPLET_PACKED_INLINE void scales_wide(const void *scales, caplet_scale_kind kind, size_t index, float *out) {
    if (kind == CAPLET_SCALE_F32) {
        memcpy(out, (const float *)scales + index, PACKED_ROWS * sizeof(float));
        return;
    }
    __m256i halves = _mm256_loadu_si256((const __m256i *)((const uint16_t *)scales + index));
    __m512 floats = kind == CAPLET_SCALE_F16 ? _mm512_cvtph_ps(halves)
                                             : _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
    _mm512_storeu_ps(out, floats);
}

WIDE void caplet_packed_rows_wide(const caplet_packed_matrix *m, size_t first, size_t last, const float *x, size_t stride,
                                  const float *group_sums, size_t tokens, float *y, size_t y_stride) {
    packed_rows(m, first, last, x, stride, group_sums, tokens, y, y_stride, product_wide, scales_wide);
}
#endif
