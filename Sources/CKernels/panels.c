#include "CKernels.h"
#include "dispatch.h"
#include "sums.h"

// `count` rows, so that x is read once for all of them; count is a constant where this is inlined.
CAPLET_SUM_INLINE void multiply_rows(const float *a, size_t stride, size_t count, const float *x, size_t n, float *products) {
    enum { MOST = 4 };
    sum_lanes sums[MOST];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < count; r++) sums[r] = 0;
    size_t j = 0;
    for (; j + SUM_LANES <= n; j += SUM_LANES) {
        sum_lanes own = load_lanes(x + j);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < count; r++) sums[r] = sum_product(load_lanes(a + r * stride + j), own, sums[r]);
    }
    sum_lanes own = load_some_lanes(x + j, n - j);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < count; r++) {
        products[r] = sum_across(sum_product(load_some_lanes(a + r * stride + j, n - j), own, sums[r]));
    }
}

CAPLET_KERNEL(
    void, caplet_row_products,
    (const float *a, size_t stride, size_t rows, const float *x, size_t n, float *products),
    (a, stride, rows, x, n, products)
) {
    size_t i = 0;
    for (; i + 4 <= rows; i += 4) multiply_rows(a + i * stride, stride, 4, x, n, products + i);
    for (; i < rows; i++) multiply_rows(a + i * stride, stride, 1, x, n, products + i);
}

// `count` rows, so that the sums are read and written once for all of them.
CAPLET_SUM_INLINE void add_rows(const float *a, size_t stride, size_t count, const float *factors, float *out, size_t n) {
    enum { MOST = 8 };
    sum_lanes by[MOST];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < count; r++) by[r] = (sum_lanes)factors[r];
    size_t j = 0;
    for (; j + SUM_LANES <= n; j += SUM_LANES) {
        sum_lanes sum = load_lanes(out + j);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < count; r++) sum = sum_product(load_lanes(a + r * stride + j), by[r], sum);
        memcpy(out + j, &sum, sizeof sum);
    }
    sum_lanes sum = load_some_lanes(out + j, n - j);
#pragma clang loop unroll(full)
    for (size_t r = 0; r < count; r++) sum = sum_product(load_some_lanes(a + r * stride + j, n - j), by[r], sum);
    memcpy(out + j, &sum, (n - j) * sizeof(float));
}

CAPLET_KERNEL(
    void, caplet_add_row_sum,
    (const float *a, size_t stride, size_t rows, const float *factors, float *out, size_t n),
    (a, stride, rows, factors, out, n)
) {
    size_t i = 0;
    for (; i + 8 <= rows; i += 8) add_rows(a + i * stride, stride, 8, factors + i, out, n);
    for (; i + 2 <= rows; i += 2) add_rows(a + i * stride, stride, 2, factors + i, out, n);
    for (; i < rows; i++) add_rows(a + i * stride, stride, 1, factors + i, out, n);
}
