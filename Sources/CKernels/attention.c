#include "CKernels.h"
#include "dispatch.h"
#include "sums.h"

CAPLET_SUM_INLINE void scores_row(const float *query, const float *keys, size_t stride, size_t count, size_t size, float *scores) {
    for (size_t t = 0; t < count; t++) {
        const float *key = keys + t * stride;
        sum_lanes sum = 0;
        size_t i = 0;
        for (; i + SUM_LANES <= size; i += SUM_LANES) sum = sum_product(load_lanes(query + i), load_lanes(key + i), sum);
        if (i < size) sum = sum_product(load_some_lanes(query + i, size - i), load_some_lanes(key + i, size - i), sum);
        scores[t] = sum_across(sum);
    }
}

CAPLET_KERNEL(
    void, caplet_scores_row,
    (const float *query, const float *keys, size_t stride, size_t count, size_t size, float *scores),
    (query, keys, stride, count, size, scores)
) {
    scores_row(query, keys, stride, count, size, scores);
}

CAPLET_SUM_INLINE void weighted_rows(const float *weights, const float *rows, size_t stride, size_t count, size_t size, float *out) {
    size_t i = 0;
    for (; i + SUM_LANES <= size; i += SUM_LANES) {
        sum_lanes sum = 0;
        for (size_t t = 0; t < count; t++) sum = sum_product((sum_lanes)weights[t], load_lanes(rows + t * stride + i), sum);
        memcpy(out + i, &sum, sizeof sum);
    }
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
