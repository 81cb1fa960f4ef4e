#include "CKernels.h"
#include "dispatch.h"
#include "sums.h"

// `count` rows at a time, so that x and y are read once for all of them; count is a constant where this is inlined.
CAPLET_SUM_INLINE void add_rows(const float *a, size_t stride, size_t n, size_t first, size_t count, const float *x, float *y) {
    enum { MOST = 4 };
    sum_lanes sums[MOST], factors[MOST];
    float rest[MOST] = {0};
    const float *rows[MOST];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < count; r++) {
        size_t i = first + r;
        rows[r] = a + i * stride;
        sums[r] = 0;
        factors[r] = (sum_lanes)x[i];
        y[i] += rows[r][i] * x[i];
        for (size_t j = i + 1; j < first + count; j++) {
            y[i] += rows[r][j] * x[j];
            y[j] += rows[r][j] * x[i];
        }
    }
    size_t j = first + count;
    for (; j + SUM_LANES <= n; j += SUM_LANES) {
        sum_lanes own = load_lanes(x + j), other = load_lanes(y + j);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < count; r++) {
            sum_lanes entries = load_lanes(rows[r] + j);
            sums[r] = sum_product(entries, own, sums[r]);
            other = sum_product(entries, factors[r], other);
        }
        memcpy(y + j, &other, sizeof other);
    }
    CAPLET_ONE_BY_ONE
    for (; j < n; j++) {
#pragma clang loop unroll(full)
        for (size_t r = 0; r < count; r++) {
            rest[r] += rows[r][j] * x[j];
            y[j] += rows[r][j] * x[first + r];
        }
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < count; r++) y[first + r] += sum_across(sums[r]) + rest[r];
}

CAPLET_KERNEL(
    void, caplet_symmetric_product,
    (const float *a, size_t stride, size_t n, size_t first, size_t end, const float *x, float *y),
    (a, stride, n, first, end, x, y)
) {
    size_t i = first;
    for (; i + 4 <= end; i += 4) add_rows(a, stride, n, i, 4, x, y);
    for (; i < end; i++) add_rows(a, stride, n, i, 1, x, y);
}

void caplet_mirror_upper_triangle(float *a, size_t n) {
    // A tile that is copied first: entries a row apart, at a power of two often, would share places in the first cache.
    enum { TILE = 64, PADDED = TILE + 16 };
    float tile[TILE * PADDED];
    for (size_t top = 0; top < n; top += TILE) {
        size_t height = n - top < TILE ? n - top : TILE;
        for (size_t left = top; left < n; left += TILE) {
            size_t width = n - left < TILE ? n - left : TILE;
            for (size_t i = 0; i < height; i++) memcpy(tile + i * PADDED, a + (top + i) * n + left, width * sizeof(float));
            for (size_t j = 0; j < width; j++) {
                float *row = a + (left + j) * n + top;
                size_t end = left == top ? j : height;
                for (size_t i = 0; i < end; i++) row[i] = tile[i * PADDED + j];
            }
        }
    }
}
