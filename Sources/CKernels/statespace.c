#include "CKernels.h"
#include "dispatch.h"
#include "exponential.h"

CAPLET_KERNEL(
    void, caplet_causal_convolution,
    (const float *in, const float *weight, const float *bias, size_t kernel, size_t tokens, size_t channels, float *out),
    (in, weight, bias, kernel, tokens, channels, out)
) {
    for (size_t t = 0; t < tokens; t++) {
        float *y = out + t * channels;
        for (size_t i = 0; i < channels; i++) y[i] = bias[i];
        for (size_t k = 0; k < kernel; k++) {
            const float *x = in + (t + k) * channels, *w = weight + k * channels;
            for (size_t i = 0; i < channels; i++) y[i] += w[i] * x[i];
        }
    }
}

CAPLET_KERNEL(
    void, caplet_causal_convolution_backward,
    (const float *weight, size_t kernel, const float *out_gradient, size_t tokens, size_t channels, float *in_gradient),
    (weight, kernel, out_gradient, tokens, channels, in_gradient)
) {
    for (size_t t = 0; t < tokens; t++) {
        float *dx = in_gradient + t * channels;
        for (size_t i = 0; i < channels; i++) dx[i] = 0;
        // Token t is what entry kernel - 1 - ahead is multiplied with for the token so far ahead.
        for (size_t ahead = 0; ahead < kernel && ahead < tokens - t; ahead++) {
            const float *dy = out_gradient + (t + ahead) * channels, *w = weight + (kernel - 1 - ahead) * channels;
            for (size_t i = 0; i < channels; i++) dx[i] += w[i] * dy[i];
        }
    }
}

// log(1 + e^x) = max(x, 0) + log(1 + y) with y = e^-|x|, and log(1 + y) = 2 artanh(s) with s = y / (2 + y), which is at most 1/3.
static inline float softplus(float x) {
    float y = exponential(x < 0 ? x : -x);
    float s = y / (2.0f + y), square = s * s;
    float p = 1.0f / 15.0f;
    p = p * square + 1.0f / 13.0f;
    p = p * square + 1.0f / 11.0f;
    p = p * square + 1.0f / 9.0f;
    p = p * square + 1.0f / 7.0f;
    p = p * square + 1.0f / 5.0f;
    p = p * square + 1.0f / 3.0f;
    p = p * square + 1.0f;
    return (x > 0 ? x : 0) + 2.0f * s * p;
}

CAPLET_KERNEL(void, caplet_softplus, (const float *in, float low, float high, float *out, size_t count), (in, low, high, out, count)) {
    for (size_t i = 0; i < count; i++) {
        float y = softplus(in[i]);
        y = y < low ? low : y;
        out[i] = y > high ? high : y;
    }
}

CAPLET_KERNEL(
    void, caplet_softplus_backward,
    (const float *in, float low, float high, float *gradient, size_t count),
    (in, low, high, gradient, count)
) {
    for (size_t i = 0; i < count; i++) {
        float y = softplus(in[i]), slope = 1.0f / (1.0f + exponential(-in[i]));
        gradient[i] *= y < low || y > high ? 0 : slope;
    }
}

CAPLET_KERNEL(
    void, caplet_selective_scan,
    (const caplet_scan *scan, const float *x, const float *steps, const float *decays, const float *b, const float *c, float skip,
     float *state, float *y),
    (scan, x, steps, decays, b, c, skip, state, y)
) {
    size_t n = scan->states;
    for (size_t t = 0; t < scan->tokens; t++) {
        const float *in = b + t * scan->group_stride, *out = c + t * scan->group_stride;
        float step = steps[t * scan->step_stride];
        float decay = exponential(step * decays[0]);
        for (size_t p = 0; p < scan->channels; p++) {
            float value = x[t * scan->channel_stride + p], u = step * value;
            float *h = state + p * n;
            float lane[LANES] = {0};
            size_t i = 0;
            if (scan->shares_decay) {
                for (; i + LANES <= n; i += LANES) {
                    for (int k = 0; k < LANES; k++) {
                        h[i + k] = decay * h[i + k] + u * in[i + k];
                        lane[k] += h[i + k] * out[i + k];
                    }
                }
                CAPLET_ONE_BY_ONE
                for (; i < n; i++) {
                    h[i] = decay * h[i] + u * in[i];
                    lane[0] += h[i] * out[i];
                }
            } else {
                for (; i + LANES <= n; i += LANES) {
                    for (int k = 0; k < LANES; k++) {
                        h[i + k] = exponential(step * decays[i + k]) * h[i + k] + u * in[i + k];
                        lane[k] += h[i + k] * out[i + k];
                    }
                }
                CAPLET_ONE_BY_ONE
                for (; i < n; i++) {
                    h[i] = exponential(step * decays[i]) * h[i] + u * in[i];
                    lane[0] += h[i] * out[i];
                }
            }
            y[t * scan->channel_stride + p] = sum_of_lanes(lane) + skip * value;
        }
    }
}

// The states [tokens + 1, n] that a channel went through, from zeros, and what each was multiplied with on its way to the next, [tokens, n].
CAPLET_INLINE void scan_states(
    const caplet_scan *scan, const float *x, const float *steps, const float *decays, const float *b, float *states, float *factors
) {
    size_t n = scan->states;
    for (size_t i = 0; i < n; i++) states[i] = 0;
    for (size_t t = 0; t < scan->tokens; t++) {
        const float *in = b + t * scan->group_stride, *before = states + t * n;
        float *after = states + (t + 1) * n, *factor = factors + t * n;
        float step = steps[t * scan->step_stride], u = step * x[t * scan->channel_stride];
        if (scan->shares_decay) {
            float decay = exponential(step * decays[0]);
            for (size_t i = 0; i < n; i++) factor[i] = decay;
        } else {
            for (size_t i = 0; i < n; i++) factor[i] = exponential(step * decays[i]);
        }
        for (size_t i = 0; i < n; i++) after[i] = factor[i] * before[i] + u * in[i];
    }
}

CAPLET_KERNEL(
    void, caplet_selective_scan_backward,
    (const caplet_scan *scan, const float *x, const float *steps, const float *decays, const float *b, const float *c, float skip,
     const float *y_gradient, float *scratch, float *x_gradient, float *step_gradient, float *b_gradient, float *c_gradient),
    (scan, x, steps, decays, b, c, skip, y_gradient, scratch, x_gradient, step_gradient, b_gradient, c_gradient)
) {
    size_t n = scan->states, tokens = scan->tokens;
    float *states = scratch, *factors = scratch + (tokens + 1) * n, *g = factors + tokens * n, *rates = g + n;
    for (size_t i = 0; i < n; i++) rates[i] = decays[scan->shares_decay ? 0 : i];
    for (size_t t = 0; t < tokens; t++) step_gradient[t * scan->step_stride] = 0;
    for (size_t p = 0; p < scan->channels; p++) {
        scan_states(scan, x + p, steps, decays, b, states, factors);
        for (size_t i = 0; i < n; i++) g[i] = 0;
        for (size_t t = tokens; t-- > 0;) {
            const float *in = b + t * scan->group_stride, *out = c + t * scan->group_stride;
            const float *before = states + t * n, *after = before + n, *factor = factors + t * n;
            float *db = b_gradient + t * scan->group_stride, *dc = c_gradient + t * scan->group_stride;
            float step = steps[t * scan->step_stride], value = x[t * scan->channel_stride + p], u = step * value;
            float dy = y_gradient[t * scan->channel_stride + p];
            float along[LANES] = {0}, decaying[LANES] = {0};
            size_t i = 0;
            for (; i + LANES <= n; i += LANES) {
                for (int k = 0; k < LANES; k++) {
                    float gradient = g[i + k] + dy * out[i + k];
                    dc[i + k] += dy * after[i + k];
                    db[i + k] += gradient * u;
                    along[k] += gradient * in[i + k];
                    gradient *= factor[i + k];
                    decaying[k] += gradient * (rates[i + k] * before[i + k]);
                    g[i + k] = gradient;
                }
            }
            CAPLET_ONE_BY_ONE
            for (; i < n; i++) {
                float gradient = g[i] + dy * out[i];
                dc[i] += dy * after[i];
                db[i] += gradient * u;
                along[0] += gradient * in[i];
                gradient *= factor[i];
                decaying[0] += gradient * (rates[i] * before[i]);
                g[i] = gradient;
            }
            float sum = sum_of_lanes(along);
            x_gradient[t * scan->channel_stride + p] = step * sum + skip * dy;
            step_gradient[t * scan->step_stride] += value * sum + sum_of_lanes(decaying);
        }
    }
}
