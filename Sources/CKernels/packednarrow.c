#include "packed.h"

// Eight lanes of AVX2 or four of NEON at a time; the sums are those of the reference, lane by lane.
#if defined(__x86_64__)
#include <immintrin.h>

#define NARROW __attribute__((target("avx2,fma,f16c")))
enum { WIDTH = 8 };
typedef __m256 floats;
typedef __m256i integers;

NARROW CAPLET_PACKED_INLINE floats none(void) { return _mm256_setzero_ps(); }
NARROW CAPLET_PACKED_INLINE floats every(float value) { return _mm256_set1_ps(value); }
NARROW CAPLET_PACKED_INLINE integers loaded(const uint32_t *words) { return _mm256_loadu_si256((const __m256i *)words); }
NARROW CAPLET_PACKED_INLINE floats plus_product(floats a, floats b, floats sum) { return _mm256_fmadd_ps(a, b, sum); }
NARROW CAPLET_PACKED_INLINE floats plus(floats a, floats b) { return _mm256_add_ps(a, b); }
NARROW CAPLET_PACKED_INLINE void store(float *out, floats values) { _mm256_storeu_ps(out, values); }
NARROW CAPLET_PACKED_INLINE integers nothing(void) { return _mm256_setzero_si256(); }

// `left`, and the top `count` bits of each word at bit `place` of it.
NARROW CAPLET_PACKED_INLINE integers with_top(integers left, integers words, const int count, const int place) {
    return _mm256_or_si256(left, _mm256_slli_epi32(_mm256_srli_epi32(words, 32 - count), place));
}

NARROW CAPLET_PACKED_INLINE floats times(floats a, floats b) { return _mm256_mul_ps(a, b); }

// A code of each word at its place, times 2 to the power of that.
NARROW CAPLET_PACKED_INLINE floats values_of(integers words, const int bits, const int digit) {
    const int shift = shift_to_place(bits, digit);
    integers placed = shift == 0 ? words : _mm256_srli_epi32(words, shift);
    integers code = _mm256_and_si256(placed, _mm256_set1_epi32((int)mask_at_place(bits, digit)));
    floats whole = _mm256_castsi256_ps(_mm256_or_si256(code, _mm256_set1_epi32(EXPONENT_OF_PLACE)));
    return _mm256_sub_ps(whole, every(bias_at_place(bits, digit)));
}

NARROW static void scales_narrow(const void *scales, caplet_scale_kind kind, size_t index, float *out) {
    for (size_t lane = 0; lane < PACKED_ROWS; lane += WIDTH) {
        if (kind == CAPLET_SCALE_F32) {
            store(out + lane, _mm256_loadu_ps((const float *)scales + index + lane));
            continue;
        }
        __m128i halves = _mm_loadu_si128((const __m128i *)((const uint16_t *)scales + index + lane));
        store(out + lane, kind == CAPLET_SCALE_F16 ? _mm256_cvtph_ps(halves)
                                                   : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16)));
    }
}
#elif defined(__aarch64__)
#include <arm_neon.h>

#define NARROW
enum { WIDTH = 4 };
typedef float32x4_t floats;
typedef uint32x4_t integers;

CAPLET_PACKED_INLINE floats none(void) { return vdupq_n_f32(0); }
CAPLET_PACKED_INLINE floats every(float value) { return vdupq_n_f32(value); }
CAPLET_PACKED_INLINE integers loaded(const uint32_t *words) { return vld1q_u32(words); }
CAPLET_PACKED_INLINE floats plus_product(floats a, floats b, floats sum) { return vfmaq_f32(sum, a, b); }
CAPLET_PACKED_INLINE floats plus(floats a, floats b) { return vaddq_f32(a, b); }
CAPLET_PACKED_INLINE void store(float *out, floats values) { vst1q_f32(out, values); }
CAPLET_PACKED_INLINE integers nothing(void) { return vdupq_n_u32(0); }

CAPLET_PACKED_INLINE integers with_top(integers left, integers words, const int count, const int place) {
    return vorrq_u32(left, vshlq_u32(vshlq_u32(words, vdupq_n_s32(count - 32)), vdupq_n_s32(place)));
}

CAPLET_PACKED_INLINE floats times(floats a, floats b) { return vmulq_f32(a, b); }

// A code of each word at its place, times 2 to the power of that.
CAPLET_PACKED_INLINE floats values_of(integers words, const int bits, const int digit) {
    integers placed = vshlq_u32(words, vdupq_n_s32(-shift_to_place(bits, digit)));
    integers whole = vbslq_u32(vdupq_n_u32(mask_at_place(bits, digit)), placed, vdupq_n_u32(EXPONENT_OF_PLACE));
    return vsubq_f32(vreinterpretq_f32_u32(whole), every(bias_at_place(bits, digit)));
}

static void scales_narrow(const void *scales, caplet_scale_kind kind, size_t index, float *out) {
    for (size_t lane = 0; lane < PACKED_ROWS; lane += WIDTH) {
        if (kind == CAPLET_SCALE_F32) {
            store(out + lane, vld1q_f32((const float *)scales + index + lane));
            continue;
        }
        uint16x4_t halves = vld1_u16((const uint16_t *)scales + index + lane);
        store(out + lane, kind == CAPLET_SCALE_F16 ? vcvt_f32_f16(vreinterpret_f16_u16(halves))
                                                   : vreinterpretq_f32_u32(vshll_n_u16(halves, 16)));
    }
}
#endif

#if defined(__x86_64__) || defined(__aarch64__)
NARROW CAPLET_PACKED_INLINE void product(const uint32_t *words, size_t count, const float *x, float *out, const int bits) {
    const int digits = digits_of(bits), bundle = bundle_words(bits), spare = spare_of(bits), codes = bundle_codes(bits);
    floats parts[4];
    for (int k = 0; k < 4; k++) parts[k] = none();
    for (size_t b = 0; b < count / (size_t)codes; b++, words += bundle * PACKED_ROWS, x += codes) {
        integers left = nothing();
#pragma clang loop unroll(full)
        for (int w = 0; w < bundle; w++) {
            integers word = loaded(words + w * PACKED_ROWS);
#pragma clang loop unroll(full)
            for (int d = 0; d < digits; d++) {
                floats *part = &parts[d & 3];
                *part = plus_product(values_of(word, bits, d), every(x[w * digits + d]), *part);
            }
            if (spare > 0) left = with_top(left, word, spare, w * spare);
        }
#pragma clang loop unroll(full)
        for (int d = 0; d < codes - bundle * digits; d++) {
            floats *part = &parts[d & 3];
            *part = plus_product(values_of(left, bits, d), every(x[bundle * digits + d]), *part);
        }
    }
    int rest = (int)(count % (size_t)codes);
#pragma clang loop unroll(full)
    for (int j = 0; j < codes; j++) {
        if (j < rest) {
            integers word = loaded(words + j / digits * PACKED_ROWS);
            floats *part = &parts[j % digits & 3];
            *part = plus_product(values_of(word, bits, j % digits), every(x[j]), *part);
        }
    }
    for (int k = 0; k < 4; k++) parts[k] = times(parts[k], every(scale_of_place(bits, k)));
    store(out, plus(plus(parts[0], parts[1]), plus(parts[2], parts[3])));
}

NARROW static void product_narrow(const uint32_t *words, int bits, size_t count, const float *x, size_t stride, size_t tokens,
                                  float *sums) {
    for (size_t t = 0; t < tokens; t++) {
        for (size_t lane = 0; lane < PACKED_ROWS; lane += WIDTH) {
            float *out = sums + t * PACKED_ROWS + lane;
            switch (bits) {
            case 1: product(words + lane, count, x + t * stride, out, 1); break;
            case 2: product(words + lane, count, x + t * stride, out, 2); break;
            case 3: product(words + lane, count, x + t * stride, out, 3); break;
            case 4: product(words + lane, count, x + t * stride, out, 4); break;
            case 5: product(words + lane, count, x + t * stride, out, 5); break;
            case 6: product(words + lane, count, x + t * stride, out, 6); break;
            case 7: product(words + lane, count, x + t * stride, out, 7); break;
            default: product(words + lane, count, x + t * stride, out, 8); break;
            }
        }
    }
}

NARROW void caplet_packed_rows_narrow(const caplet_packed_matrix *m, size_t first, size_t last, const float *x, size_t stride,
                                      const float *group_sums, size_t tokens, float *y, size_t y_stride) {
    packed_rows(m, first, last, x, stride, group_sums, tokens, y, y_stride, product_narrow, scales_narrow);
}
#endif
