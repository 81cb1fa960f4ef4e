#include "CKernels.h"
#include "dispatch.h"
#include "exponential.h"

CAPLET_KERNEL(
    void, caplet_delta_rule,
    (const caplet_delta *rule, const float *q, const float *k, const float *v, const float *steps, float decay, const float *rates,
     float *state, float *written, float *y),
    (rule, q, k, v, steps, decay, rates, state, written, y)
) {
    size_t keys = rule->keys, values = rule->values;
    for (size_t t = 0; t < rule->tokens; t++) {
        const float *query = q + t * rule->key_stride, *key = k + t * rule->key_stride, *value = v + t * rule->value_stride;
        float *out = y + t * rule->value_stride;
        float factor = exponential(steps[t * rule->step_stride] * decay), rate = rates[t * rule->step_stride];
        for (size_t j = 0; j < values; j++) written[j] = 0;
        for (size_t i = 0; i < keys; i++) {
            float *s = state + i * values;
            for (size_t j = 0; j < values; j++) {
                s[j] *= factor;
                written[j] += key[i] * s[j];
            }
        }
        for (size_t j = 0; j < values; j++) {
            written[j] = rate * (value[j] - written[j]);
            out[j] = 0;
        }
        for (size_t i = 0; i < keys; i++) {
            float *s = state + i * values;
            for (size_t j = 0; j < values; j++) {
                s[j] += key[i] * written[j];
                out[j] += query[i] * s[j];
            }
        }
    }
}

// Over lanes, which are summed up in the same order everywhere.
CAPLET_INLINE float product(const float *a, const float *b, size_t n) {
    float lane[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int k = 0; k < LANES; k++) lane[k] += a[i + k] * b[i + k];
    }
    CAPLET_ONE_BY_ONE
    for (; i < n; i++) lane[0] += a[i] * b[i];
    return sum_of_lanes(lane);
}

// The columns of the state that belong to one value, [tokens + 1, keys], from zeros, and of each token what is read of it before it is written
// over, and what is written.
CAPLET_INLINE void delta_states(
    const caplet_delta *rule, const float *k, const float *v, const float *steps, float decay, const float *rates, float *states,
    float *reads, float *writes
) {
    size_t n = rule->keys;
    for (size_t i = 0; i < n; i++) states[i] = 0;
    for (size_t t = 0; t < rule->tokens; t++) {
        const float *key = k + t * rule->key_stride, *before = states + t * n;
        float *after = states + (t + 1) * n;
        float factor = exponential(steps[t * rule->step_stride] * decay);
        for (size_t i = 0; i < n; i++) after[i] = factor * before[i];
        reads[t] = product(key, after, n);
        writes[t] = rates[t * rule->step_stride] * (v[t * rule->value_stride] - reads[t]);
        for (size_t i = 0; i < n; i++) after[i] += writes[t] * key[i];
    }
}

CAPLET_KERNEL(
    void, caplet_delta_rule_backward,
    (const caplet_delta *rule, const float *q, const float *k, const float *v, const float *steps, float decay, const float *rates,
     const float *y_gradient, float *scratch, float *q_gradient, float *k_gradient, float *v_gradient, float *step_gradient,
     float *rate_gradient),
    (rule, q, k, v, steps, decay, rates, y_gradient, scratch, q_gradient, k_gradient, v_gradient, step_gradient, rate_gradient)
) {
    size_t n = rule->keys, tokens = rule->tokens;
    float *states = scratch, *g = states + (tokens + 1) * n, *reads = g + n, *writes = reads + tokens;
    for (size_t t = 0; t < tokens; t++) step_gradient[t * rule->step_stride] = rate_gradient[t * rule->step_stride] = 0;
    for (size_t j = 0; j < rule->values; j++) {
        delta_states(rule, k, v + j, steps, decay, rates, states, reads, writes);
        for (size_t i = 0; i < n; i++) g[i] = 0;
        for (size_t t = tokens; t-- > 0;) {
            const float *query = q + t * rule->key_stride, *key = k + t * rule->key_stride;
            const float *before = states + t * n, *after = before + n;
            float *dq = q_gradient + t * rule->key_stride, *dk = k_gradient + t * rule->key_stride;
            size_t step = t * rule->step_stride, value = t * rule->value_stride + j;
            float factor = exponential(steps[step] * decay), dy = y_gradient[value];
            for (size_t i = 0; i < n; i++) {
                g[i] += dy * query[i];
                dq[i] += dy * after[i];
            }
            float written = product(g, key, n);
            rate_gradient[step] += written * (v[value] - reads[t]);
            v_gradient[value] = rates[step] * written;
            float read = -rates[step] * written;
            for (size_t i = 0; i < n; i++) {
                dk[i] += writes[t] * g[i] + read * (factor * before[i]);
                g[i] = factor * (g[i] + read * key[i]);
            }
            // Of the logarithm of the factor, which is that of what it multiplied times it.
            step_gradient[step] += decay * product(g, before, n);
        }
    }
}
