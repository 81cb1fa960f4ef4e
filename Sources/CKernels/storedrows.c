#include "CKernels.h"
#include "dispatch.h"
#include "storedlanes.h"

enum { TOKENS_AT_ONCE = 4 };

// Element c of a row goes to lane c % 16 of sum c / 16 % 4; these are added as (0 + 1) + (2 + 3).
CAPLET_SUM_INLINE void row_product(const uint8_t *row, const caplet_scale_kind kind, size_t columns, const float *x, size_t stride,
                                   float *y, size_t y_stride, const int tokens) {
    const size_t width = kind == CAPLET_SCALE_F32 ? 4 : 2;
    sum_lanes sums[TOKENS_AT_ONCE][4];
    for (int t = 0; t < tokens; t++) {
        for (int k = 0; k < 4; k++) sums[t][k] = 0;
    }
    size_t c = 0;
    for (; c + 64 <= columns; c += 64) {
#pragma clang loop unroll(full)
        for (int k = 0; k < 4; k++) {
            sum_lanes weights = widened(row + (c + (size_t)k * 16) * width, kind, 16);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                sums[t][k] = sum_product(weights, load_lanes(x + (size_t)t * stride + c + (size_t)k * 16), sums[t][k]);
            }
        }
    }
    for (int k = 0; k < 4 && c < columns; k++) {
        size_t count = columns - c < 16 ? columns - c : 16;
        sum_lanes weights = widened(row + c * width, kind, count);
        for (int t = 0; t < tokens; t++) sums[t][k] = sum_product(weights, load_some_lanes(x + (size_t)t * stride + c, count), sums[t][k]);
        c += count;
    }
    for (int t = 0; t < tokens; t++) y[(size_t)t * y_stride] += sum_across((sums[t][0] + sums[t][1]) + (sums[t][2] + sums[t][3]));
}

CAPLET_SUM_INLINE void rows_product(const uint8_t *weights, const caplet_scale_kind kind, size_t rows, size_t columns, const float *x,
                                    size_t stride, size_t tokens, float *y, size_t y_stride) {
    const size_t width = kind == CAPLET_SCALE_F32 ? 4 : 2;
    for (size_t row = 0; row < rows; row++) {
        const uint8_t *from = weights + row * columns * width;
        size_t t = 0;
        for (; t + TOKENS_AT_ONCE <= tokens; t += TOKENS_AT_ONCE) {
            row_product(from, kind, columns, x + t * stride, stride, y + t * y_stride + row, y_stride, TOKENS_AT_ONCE);
        }
        for (; t < tokens; t++) row_product(from, kind, columns, x + t * stride, stride, y + t * y_stride + row, y_stride, 1);
    }
}

CAPLET_KERNEL(
    void, caplet_rows_product_f32,
    (const void *weights, size_t rows, size_t columns, const float *x, size_t stride, size_t tokens, float *y, size_t y_stride),
    (weights, rows, columns, x, stride, tokens, y, y_stride)
) {
    rows_product(weights, CAPLET_SCALE_F32, rows, columns, x, stride, tokens, y, y_stride);
}

CAPLET_KERNEL(
    void, caplet_rows_product_bf16,
    (const void *weights, size_t rows, size_t columns, const float *x, size_t stride, size_t tokens, float *y, size_t y_stride),
    (weights, rows, columns, x, stride, tokens, y, y_stride)
) {
    rows_product(weights, CAPLET_SCALE_BF16, rows, columns, x, stride, tokens, y, y_stride);
}

CAPLET_KERNEL(
    void, caplet_rows_product_f16,
    (const void *weights, size_t rows, size_t columns, const float *x, size_t stride, size_t tokens, float *y, size_t y_stride),
    (weights, rows, columns, x, stride, tokens, y, y_stride)
) {
    rows_product(weights, CAPLET_SCALE_F16, rows, columns, x, stride, tokens, y, y_stride);
}
