#include "CKernels.h"
#include "dispatch.h"
#include "exponential.h"

// The mean of a row, and 1 / sqrt(variance + epsilon).
static inline void moments(const float *x, size_t n, float epsilon, float *mean, float *inverse) {
    float sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) sums[k] += x[i + k];
    }
    for (; i < n; i++) sums[0] += x[i];
    float middle = sum_of_lanes(sums) / (float)n;
    float squares[LANES] = {0};
    for (i = 0; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) squares[k] += (x[i + k] - middle) * (x[i + k] - middle);
    }
    CAPLET_ONE_BY_ONE
    for (; i < n; i++) squares[0] += (x[i] - middle) * (x[i] - middle);
    *mean = middle;
    *inverse = 1.0f / sqrtf(sum_of_lanes(squares) / (float)n + epsilon);
}

CAPLET_KERNEL(
    void, caplet_layer_norm,
    (const float *in, const float *weight, const float *bias, float epsilon, float *out, size_t rows, size_t n),
    (in, weight, bias, epsilon, out, rows, n)
) {
    for (size_t row = 0; row < rows; row++) {
        const float *x = in + row * n;
        float mean, inverse;
        moments(x, n, epsilon, &mean, &inverse);
        for (size_t i = 0; i < n; i++) out[row * n + i] = weight[i] * ((x[i] - mean) * inverse) + bias[i];
    }
}

CAPLET_KERNEL(
    void, caplet_layer_norm_backward,
    (const float *in, const float *weight, float epsilon, const float *out_gradient, float *in_gradient, size_t rows, size_t n),
    (in, weight, epsilon, out_gradient, in_gradient, rows, n)
) {
    for (size_t row = 0; row < rows; row++) {
        const float *x = in + row * n, *dy = out_gradient + row * n;
        float *dx = in_gradient + row * n;
        float mean, inverse;
        moments(x, n, epsilon, &mean, &inverse);
        float sums[LANES] = {0}, products[LANES] = {0};
        size_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            for (int k = 0; k < LANES; k++) {
                float g = weight[i + k] * dy[i + k];
                sums[k] += g;
                products[k] += g * (x[i + k] - mean);
            }
        }
        CAPLET_ONE_BY_ONE
        for (; i < n; i++) {
            sums[0] += weight[i] * dy[i];
            products[0] += weight[i] * dy[i] * (x[i] - mean);
        }
        float level = sum_of_lanes(sums) / (float)n;
        float along = sum_of_lanes(products) * inverse * inverse / (float)n;
        for (i = 0; i < n; i++) dx[i] += inverse * (weight[i] * dy[i] - level - along * (x[i] - mean));
    }
}
