#include "CKernels.h"
#include "dispatch.h"
#include "sums.h"

#include <math.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Element c of a row goes to lane c % 16 of sum c / 16 % 4, whatever the processor.
static float row_reference(const uint64_t *words, const float **next, size_t columns, const float *x) {
    const float *values = *next;
    float sums[4][16] = {{0}};
    for (size_t w = 0; w * 64 < columns; w++) {
        uint64_t bits = words[w];
        while (bits) {
            int bit = __builtin_ctzll(bits);
            float *sum = &sums[bit / 16][bit % 16];
            *sum = fmaf(*values++, x[w * 64 + (size_t)bit], *sum);
            bits &= bits - 1;
        }
    }
    *next = values;
    float total[16];
    for (int lane = 0; lane < 16; lane++) total[lane] = (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]);
    float eight[8], four[4];
    for (int lane = 0; lane < 8; lane++) eight[lane] = total[lane] + total[lane + 8];
    for (int lane = 0; lane < 4; lane++) four[lane] = eight[lane] + eight[lane + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

#if defined(__x86_64__)
#define WIDE __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma,popcnt,bmi,bmi2")))

// Values are spread to the lanes of their bits, and zeros to the others. Sixteen are loaded at a time: there is room for as many after
// the last.
WIDE static float row_wide(const uint64_t *words, const float **next, size_t columns, const float *x) {
    const float *values = *next;
    __m512 sums[4];
    for (int k = 0; k < 4; k++) sums[k] = _mm512_setzero_ps();
    size_t whole = columns / 64;
    for (size_t w = 0; w < whole; w++) {
        uint64_t bits = words[w];
#pragma clang loop unroll(full)
        for (int k = 0; k < 4; k++) {
            __mmask16 mask = (__mmask16)(bits >> (16 * k));
            __m512 kept = _mm512_loadu_ps(values);
            // A load by itself: the one with the spreading in it is slower.
            __asm__("" : "+v"(kept));
            sums[k] = _mm512_fmadd_ps(_mm512_maskz_expand_ps(mask, kept), _mm512_loadu_ps(x + w * 64 + (size_t)k * 16), sums[k]);
            values += __builtin_popcount(mask);
        }
    }
    if (whole * 64 < columns) {
        uint64_t bits = words[whole];
        for (int k = 0; k < 4; k++) {
            __mmask16 mask = (__mmask16)(bits >> (16 * k));
            __m512 spread = _mm512_maskz_expand_ps(mask, _mm512_loadu_ps(values));
            sums[k] = _mm512_fmadd_ps(spread, _mm512_maskz_loadu_ps(mask, x + whole * 64 + (size_t)k * 16), sums[k]);
            values += __builtin_popcount(mask);
        }
    }
    *next = values;
    __m512 total = _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(total), _mm512_extractf32x8_ps(total, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
#endif

size_t caplet_sparse_rows_product(caplet_vector_level level, const uint64_t *words, size_t words_per_row, const float *values,
                                  size_t rows, size_t columns, const float *x, size_t stride, size_t tokens, float *y, size_t y_stride) {
    const float *first = values;
    (void)level;
    for (size_t row = 0; row < rows; row++) {
        const uint64_t *bits = words + row * words_per_row;
        const float *next = first;
        for (size_t t = 0; t < tokens; t++) {
            next = first;
#if defined(__x86_64__)
            float sum = level == CAPLET_VECTORS_WIDE ? row_wide(bits, &next, columns, x + t * stride)
                                                     : row_reference(bits, &next, columns, x + t * stride);
#else
            float sum = row_reference(bits, &next, columns, x + t * stride);
#endif
            y[t * y_stride + row] += sum;
        }
        first = next;
    }
    return (size_t)(first - values);
}

size_t caplet_set_bits(const uint64_t *words, size_t count) {
    size_t bits = 0;
    for (size_t i = 0; i < count; i++) bits += (size_t)__builtin_popcountll(words[i]);
    return bits;
}
