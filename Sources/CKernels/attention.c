#include "CKernels.h"
#include "dispatch.h"
#include "sums.h"

// `count` keys side by side, so that their sums do not wait for each other.
CAPLET_SUM_INLINE void scores_of(const float *query, const float *keys, size_t stride, size_t size, float *scores, const int count) {
    sum_lanes sums[4];
    for (int k = 0; k < count; k++) sums[k] = 0;
    size_t i = 0;
    for (; i + SUM_LANES <= size; i += SUM_LANES) {
        sum_lanes own = load_lanes(query + i);
#pragma clang loop unroll(full)
        for (int k = 0; k < count; k++) sums[k] = sum_product(own, load_lanes(keys + (size_t)k * stride + i), sums[k]);
    }
    if (i < size) {
        sum_lanes own = load_some_lanes(query + i, size - i);
        for (int k = 0; k < count; k++) sums[k] = sum_product(own, load_some_lanes(keys + (size_t)k * stride + i, size - i), sums[k]);
    }
    for (int k = 0; k < count; k++) scores[k] = sum_across(sums[k]);
}

CAPLET_SUM_INLINE void scores_row(const float *query, const float *keys, size_t stride, size_t count, size_t size, float *scores) {
    size_t t = 0;
    for (; t + 4 <= count; t += 4) scores_of(query, keys + t * stride, stride, size, scores + t, 4);
    for (; t < count; t++) scores_of(query, keys + t * stride, stride, size, scores + t, 1);
}

CAPLET_KERNEL(
    void, caplet_scores_row,
    (const float *query, const float *keys, size_t stride, size_t count, size_t size, float *scores),
    (query, keys, stride, count, size, scores)
) {
    scores_row(query, keys, stride, count, size, scores);
}

// `parts` times sixteen columns, so that their sums do not wait for each other.
CAPLET_SUM_INLINE void weighted_columns(const float *weights, const float *rows, size_t stride, size_t count, float *out, const int parts) {
    sum_lanes sums[8];
    for (int k = 0; k < parts; k++) sums[k] = 0;
    for (size_t t = 0; t < count; t++) {
        sum_lanes weight = (sum_lanes)weights[t];
#pragma clang loop unroll(full)
        for (int k = 0; k < parts; k++) sums[k] = sum_product(weight, load_lanes(rows + t * stride + (size_t)k * SUM_LANES), sums[k]);
    }
    for (int k = 0; k < parts; k++) memcpy(out + k * SUM_LANES, &sums[k], sizeof sums[k]);
}

CAPLET_SUM_INLINE void weighted_rows(const float *weights, const float *rows, size_t stride, size_t count, size_t size, float *out) {
    size_t i = 0;
    if (caplet_has_wide_vectors()) {
        for (; i + 8 * SUM_LANES <= size; i += 8 * SUM_LANES) weighted_columns(weights, rows + i, stride, count, out + i, 8);
    }
    for (; i + 4 * SUM_LANES <= size; i += 4 * SUM_LANES) weighted_columns(weights, rows + i, stride, count, out + i, 4);
    for (; i + SUM_LANES <= size; i += SUM_LANES) weighted_columns(weights, rows + i, stride, count, out + i, 1);
    if (i < size) {
        sum_lanes sum = 0;
        for (size_t t = 0; t < count; t++) {
            sum = sum_product((sum_lanes)weights[t], load_some_lanes(rows + t * stride + i, size - i), sum);
        }
        memcpy(out + i, &sum, (size - i) * sizeof(float));
    }
}

CAPLET_KERNEL(
    void, caplet_weighted_rows,
    (const float *weights, const float *rows, size_t stride, size_t count, size_t size, float *out),
    (weights, rows, stride, count, size, out)
) {
    weighted_rows(weights, rows, stride, count, size, out);
}
