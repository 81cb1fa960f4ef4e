#include "CKernels.h"
#include "dispatch.h"
#include "exponential.h"

#include <math.h>
#include <string.h>

static inline float shrunk(float value, float threshold) {
    float magnitude = fabsf(value) - threshold;
    magnitude = magnitude > 0 ? magnitude : 0;
    return copysignf(magnitude, value);
}

CAPLET_KERNEL(void, caplet_soft_threshold, (const float *in, float threshold, float *out, size_t count), (in, threshold, out, count)) {
    for (size_t i = 0; i < count; i++) out[i] = shrunk(in[i], threshold);
}

// One entry's step; returns the square of w - l - s.
static inline double sparse_and_multiplier_step(float w, float l, float threshold, float mu, float inverse, float *s, float *y) {
    const float scaled = *y * inverse, left = w - l;
    *s = shrunk(left + scaled, threshold);
    const float rest = left - *s, change = mu * rest;
    *y += change;
    return (double)rest * (double)rest;
}

CAPLET_KERNEL(
    double, caplet_sparse_and_multiplier_step,
    (const float *w, const float *l, float threshold, float mu, float *s, float *y, size_t count),
    (w, l, threshold, mu, s, y, count)
) {
    const float inverse = 1 / mu;
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            lane[k] += sparse_and_multiplier_step(w[i + k], l[i + k], threshold, mu, inverse, &s[i + k], &y[i + k]);
        }
    }
    CAPLET_ONE_BY_ONE
    for (; i < count; i++) lane[0] += sparse_and_multiplier_step(w[i], l[i], threshold, mu, inverse, &s[i], &y[i]);
    double sum = 0;
    for (int k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

CAPLET_KERNEL(
    void, caplet_mask_at_least,
    (const float *a, float threshold, const float *w, float *out, size_t count),
    (a, threshold, w, out, count)
) {
    for (size_t i = 0; i < count; i++) out[i] = a[i] >= threshold ? w[i] : 0.0f;
}

CAPLET_INLINE float sum_squares_row(const float *in, size_t n) {
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) lane[k] += in[i + k] * in[i + k];
    }
    CAPLET_ONE_BY_ONE
    for (; i < n; i++) lane[0] += in[i] * in[i];
    return sum_of_lanes(lane);
}

CAPLET_KERNEL(
    void, caplet_rms_norm,
    (const float *in, const float *weight, float epsilon, float *out, size_t rows, size_t n),
    (in, weight, epsilon, out, rows, n)
) {
    for (size_t row = 0; row < rows; row++) {
        const float *x = in + row * n;
        float inverse = 1.0f / sqrtf(sum_squares_row(x, n) / (float)n + epsilon);
        for (size_t i = 0; i < n; i++) out[row * n + i] = weight[i] * (x[i] * inverse);
    }
}

CAPLET_KERNEL(void, caplet_swiglu, (const float *gate, const float *up, float *out, size_t count), (gate, up, out, count)) {
    // out may be gate: element i depends on element i alone, so the loop vectorises all the same.
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) out[i] = gate[i] / (1.0f + exponential(-gate[i])) * up[i];
}

CAPLET_INLINE float largest_of(const float *in, size_t n) {
    float lane[LANES];
    for (int k = 0; k < LANES; k++) lane[k] = -INFINITY;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) lane[k] = in[i + k] > lane[k] ? in[i + k] : lane[k];
    }
    for (; i < n; i++) lane[0] = in[i] > lane[0] ? in[i] : lane[0];
    float largest = lane[0];
    for (int k = 1; k < LANES; k++) largest = lane[k] > largest ? lane[k] : largest;
    return largest;
}

CAPLET_KERNEL(void, caplet_softmax_row, (float *row, float scale, size_t valid, size_t n), (row, scale, valid, n)) {
    float largest = largest_of(row, valid);
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= valid; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            float e = exponential((row[i + k] - largest) * scale);
            row[i + k] = e;
            lane[k] += e;
        }
    }
    for (; i < valid; i++) {
        row[i] = exponential((row[i] - largest) * scale);
        lane[0] += row[i];
    }
    float inverse = 1.0f / sum_of_lanes(lane);
    for (i = 0; i < valid; i++) row[i] *= inverse;
    for (i = valid; i < n; i++) row[i] = 0;
}

CAPLET_KERNEL(double, caplet_log_sum_exp, (const float *row, size_t n), (row, n)) {
    float largest = largest_of(row, n);
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) lane[k] += exponential(row[i + k] - largest);
    }
    for (; i < n; i++) lane[0] += exponential(row[i] - largest);
    double sum = 0;
    for (int k = 0; k < LANES; k++) sum += lane[k];
    return (double)largest + log(sum);
}

CAPLET_KERNEL(double, caplet_sum_abs, (const float *in, size_t count), (in, count)) {
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int k = 0; k < LANES; k++) lane[k] += (double)fabsf(in[i + k]);
    }
    for (; i < count; i++) lane[0] += (double)fabsf(in[i]);
    double sum = 0;
    for (int k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

CAPLET_KERNEL(double, caplet_sum_squares, (const float *in, size_t count), (in, count)) {
    double lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (int k = 0; k < LANES; k++) lane[k] += (double)in[i + k] * (double)in[i + k];
    }
    CAPLET_ONE_BY_ONE
    for (; i < count; i++) lane[0] += (double)in[i] * (double)in[i];
    double sum = 0;
    for (int k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

CAPLET_KERNEL(int, caplet_has_nonfinite, (const float *in, size_t count), (in, count)) {
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &in[i], sizeof bits);
        found |= (bits & 0x7F800000u) == 0x7F800000u;
    }
    return (int)found;
}
