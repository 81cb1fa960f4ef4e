#include "CKernels.h"
#include "dispatch.h"
#include "exponential.h"

#include <math.h>

CAPLET_KERNEL(
    void, caplet_rms_norm_backward,
    (const float *in, const float *weight, float epsilon, const float *out_gradient, float *in_gradient, size_t rows, size_t n),
    (in, weight, epsilon, out_gradient, in_gradient, rows, n)
) {
    for (size_t row = 0; row < rows; row++) {
        const float *x = in + row * n, *dy = out_gradient + row * n;
        float *dx = in_gradient + row * n;
        float squares[LANES] = {0}, products[LANES] = {0};
        size_t i = 0;
        for (; i + LANES <= n; i += LANES) {
            for (int k = 0; k < LANES; k++) {
                squares[k] += x[i + k] * x[i + k];
                products[k] += weight[i + k] * dy[i + k] * x[i + k];
            }
        }
        CAPLET_ONE_BY_ONE
        for (; i < n; i++) {
            squares[0] += x[i] * x[i];
            products[0] += weight[i] * dy[i] * x[i];
        }
        float inverse = 1.0f / sqrtf(sum_of_lanes(squares) / (float)n + epsilon);
        float along = sum_of_lanes(products) * inverse * inverse * inverse / (float)n;
        for (i = 0; i < n; i++) dx[i] += inverse * (weight[i] * dy[i]) - along * x[i];
    }
}

CAPLET_KERNEL(
    void, caplet_swiglu_backward,
    (const float *gate, const float *up, float *gate_gradient, float *up_gradient, size_t count),
    (gate, up, gate_gradient, up_gradient, count)
) {
    // The gradient of the product comes in gate_gradient.
#pragma clang loop vectorize(assume_safety)
    for (size_t i = 0; i < count; i++) {
        float g = gate[i], d = gate_gradient[i];
        float sigmoid = 1.0f / (1.0f + exponential(-g));
        up_gradient[i] = d * (g * sigmoid);
        gate_gradient[i] = d * up[i] * (sigmoid * (1.0f + g * (1.0f - sigmoid)));
    }
}

CAPLET_KERNEL(
    void, caplet_softmax_backward_row,
    (const float *probabilities, float *gradient, float scale, size_t valid, size_t n),
    (probabilities, gradient, scale, valid, n)
) {
    float products[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= valid; i += LANES) {
        for (int k = 0; k < LANES; k++) products[k] += probabilities[i + k] * gradient[i + k];
    }
    CAPLET_ONE_BY_ONE
    for (; i < valid; i++) products[0] += probabilities[i] * gradient[i];
    float mean = sum_of_lanes(products);
    for (i = 0; i < valid; i++) gradient[i] = scale * probabilities[i] * (gradient[i] - mean);
    for (i = valid; i < n; i++) gradient[i] = 0;
}

CAPLET_KERNEL(
    double, caplet_divergence_row,
    (const float *reference, float *logits, float scale, size_t n),
    (reference, logits, scale, n)
) {
    float reference_log_sum = (float)caplet_log_sum_exp(reference, n);
    float log_sum = (float)caplet_log_sum_exp(logits, n);
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) {
            float a = reference[i + k] - reference_log_sum, b = logits[i + k] - log_sum;
            float p = exponential(a);
            lane[k] += p * (a - b);
            logits[i + k] = scale * (exponential(b) - p);
        }
    }
    CAPLET_ONE_BY_ONE
    for (; i < n; i++) {
        float a = reference[i] - reference_log_sum, b = logits[i] - log_sum;
        float p = exponential(a);
        lane[0] += p * (a - b);
        logits[i] = scale * (exponential(b) - p);
    }
    return (double)sum_of_lanes(lane);
}
