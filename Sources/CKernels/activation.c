#include "CKernels.h"
#include "dispatch.h"
#include "exponential.h"

static inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

// erf to 1.5e-7 (Abramowitz and Stegun 7.1.26).
static inline float error_function(float x) {
    float a = fabsf(x);
    float t = 1.0f / (1.0f + 0.3275911f * a);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    return copysignf(1.0f - p * t * exponential(-a * a), x);
}

// The share of a standard normal below x, and its density at x.
static inline float normal_share(float x) { return 0.5f * (1.0f + error_function(x * 0.70710678118654752f)); }
static inline float normal_density(float x) { return 0.39894228040143268f * exponential(-0.5f * x * x); }

// tanh(y) = 2 sigmoid(2 y) - 1 of y = sqrt(2 / pi) (x + 0.044715 x^3), so that gelu is x sigmoid(2 y).
static inline float gelu_argument(float x) { return 1.5957691216057308f * (x + 0.044715f * x * x * x); }

CAPLET_KERNEL(void, caplet_activation, (caplet_activation_kind kind, const float *in, float *out, size_t count), (kind, in, out, count)) {
    switch (kind) {
    case CAPLET_SILU:
        for (size_t i = 0; i < count; i++) out[i] = in[i] * sigmoid(in[i]);
        break;
    case CAPLET_GELU:
        for (size_t i = 0; i < count; i++) out[i] = in[i] * normal_share(in[i]);
        break;
    case CAPLET_GELU_TANH:
        for (size_t i = 0; i < count; i++) out[i] = in[i] * sigmoid(gelu_argument(in[i]));
        break;
    case CAPLET_RELU:
        for (size_t i = 0; i < count; i++) out[i] = in[i] > 0 ? in[i] : 0;
        break;
    case CAPLET_RELU_SQUARED:
        for (size_t i = 0; i < count; i++) out[i] = in[i] > 0 ? in[i] * in[i] : 0;
        break;
    }
}

CAPLET_KERNEL(
    void, caplet_activation_backward,
    (caplet_activation_kind kind, const float *in, float *gradient, size_t count),
    (kind, in, gradient, count)
) {
    switch (kind) {
    case CAPLET_SILU:
        for (size_t i = 0; i < count; i++) {
            float s = sigmoid(in[i]);
            gradient[i] *= s * (1.0f + in[i] * (1.0f - s));
        }
        break;
    case CAPLET_GELU:
        for (size_t i = 0; i < count; i++) gradient[i] *= normal_share(in[i]) + in[i] * normal_density(in[i]);
        break;
    case CAPLET_GELU_TANH:
        for (size_t i = 0; i < count; i++) {
            float x = in[i], s = sigmoid(gelu_argument(x));
            gradient[i] *= s + x * s * (1.0f - s) * 1.5957691216057308f * (1.0f + 3.0f * 0.044715f * x * x);
        }
        break;
    case CAPLET_RELU:
        for (size_t i = 0; i < count; i++) gradient[i] = in[i] > 0 ? gradient[i] : 0;
        break;
    case CAPLET_RELU_SQUARED:
        for (size_t i = 0; i < count; i++) gradient[i] *= in[i] > 0 ? 2.0f * in[i] : 0;
        break;
    }
}

CAPLET_KERNEL(
    void, caplet_gated,
    (caplet_activation_kind kind, const float *gate, const float *up, float *out, size_t count),
    (kind, gate, up, out, count)
) {
    caplet_activation(kind, gate, out, count);
    for (size_t i = 0; i < count; i++) out[i] *= up[i];
}

CAPLET_KERNEL(
    void, caplet_gated_backward,
    (caplet_activation_kind kind, const float *gate, const float *up, float *gate_gradient, float *up_gradient, size_t count),
    (kind, gate, up, gate_gradient, up_gradient, count)
) {
    caplet_activation(kind, gate, up_gradient, count);
    for (size_t i = 0; i < count; i++) {
        float d = gate_gradient[i];
        up_gradient[i] *= d;
        gate_gradient[i] = d * up[i];
    }
    caplet_activation_backward(kind, gate, gate_gradient, count);
}

CAPLET_KERNEL(
    void, caplet_clamped_swiglu,
    (float alpha, float limit, const float *gate, const float *up, float *out, size_t count),
    (alpha, limit, gate, up, out, count)
) {
    for (size_t i = 0; i < count; i++) {
        float g = gate[i] > limit ? limit : gate[i];
        float u = up[i] > limit ? limit : up[i] < -limit ? -limit : up[i];
        out[i] = (u + 1.0f) * g * sigmoid(alpha * g);
    }
}

CAPLET_KERNEL(
    void, caplet_clamped_swiglu_backward,
    (float alpha, float limit, const float *gate, const float *up, float *gate_gradient, float *up_gradient, size_t count),
    (alpha, limit, gate, up, gate_gradient, up_gradient, count)
) {
    for (size_t i = 0; i < count; i++) {
        float d = gate_gradient[i];
        float g = gate[i] > limit ? limit : gate[i];
        float u = up[i] > limit ? limit : up[i] < -limit ? -limit : up[i];
        float s = sigmoid(alpha * g);
        up_gradient[i] = up[i] > limit || up[i] < -limit ? 0 : d * g * s;
        gate_gradient[i] = gate[i] > limit ? 0 : d * (u + 1.0f) * s * (1.0f + alpha * g * (1.0f - s));
    }
}

// Near 0, where 1 - exp(-2y) loses digits, by the first terms of its series.
static inline float hyperbolic_tangent(float y) {
    float a = fabsf(y), square = y * y;
    float e = exponential(-2.0f * a);
    float large = copysignf((1.0f - e) / (1.0f + e), y);
    float small = y * (1.0f + square * (-0.33333334f + square * 0.13333334f));
    return a < 0.1f ? small : large;
}

CAPLET_KERNEL(void, caplet_soft_cap, (float *x, float scale, float cap, size_t count), (x, scale, cap, count)) {
    float inner = scale / cap;
    for (size_t i = 0; i < count; i++) x[i] = cap * hyperbolic_tangent(inner * x[i]);
}

CAPLET_KERNEL(
    void, caplet_soft_cap_backward,
    (const float *capped, float cap, float *gradient, size_t count),
    (capped, cap, gradient, count)
) {
    for (size_t i = 0; i < count; i++) {
        float t = capped[i] / cap;
        gradient[i] *= 1.0f - t * t;
    }
}
