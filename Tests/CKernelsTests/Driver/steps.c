#include "CKernels.h"
#include "driver.h"
#include "values.h"

#include <stdlib.h>

// The steps between matrix products, forwards and backwards, and the kernels of linear algebra.

enum { MOST = 1040 };
static float a[MOST], b[MOST], c[MOST], d[MOST], out[MOST];

static void fill_all(const char *name) {
    seed(name);
    fill_floats(a, MOST, 3);
    fill_floats(b, MOST, 2);
    fill_floats(c, MOST, 1);
    fill_floats(d, MOST, 1);
    memset(out, 0, sizeof out);
}

static void elementwise(size_t n) {
    fill_all("elementwise");
    caplet_soft_threshold(a, 0.5f, out, n);
    report("exact", "soft_threshold", n, "all", out, n * 4);
    caplet_mask_at_least(a, 0.25f, b, out, n);
    report("exact", "mask_at_least", n, "all", out, n * 4);
    double sum = caplet_sparse_and_multiplier_step(a, b, 0.3f, 1.7f, out, c, n);
    report("rounded", "multiplier_step", n, "all", out, n * 4);
    report("rounded", "multiplier_step.sum", n, "all", &sum, sizeof sum);
    for (int kind = CAPLET_SILU; kind <= CAPLET_RELU_SQUARED; kind++) {
        caplet_activation((caplet_activation_kind)kind, a, out, n);
        report("rounded", "activation", n * 10 + (size_t)kind, "all", out, n * 4);
        caplet_gated((caplet_activation_kind)kind, a, b, out, n);
        report("rounded", "gated", n * 10 + (size_t)kind, "all", out, n * 4);
        memcpy(out, b, sizeof out);
        caplet_activation_backward((caplet_activation_kind)kind, a, out, n);
        report("rounded", "activation_backward", n * 10 + (size_t)kind, "all", out, n * 4);
        float up[MOST];
        memcpy(out, b, sizeof out);
        caplet_gated_backward((caplet_activation_kind)kind, a, d, out, up, n);
        report("rounded", "gated_backward", n * 10 + (size_t)kind, "all", out, n * 4);
    }
    caplet_swiglu(a, b, out, n);
    report("rounded", "swiglu", n, "all", out, n * 4);
    caplet_clamped_swiglu(1.702f, 0.75f, a, b, out, n);
    report("rounded", "clamped_swiglu", n, "all", out, n * 4);
    float clamped[MOST];
    memcpy(out, c, sizeof out);
    caplet_clamped_swiglu_backward(1.702f, 0.75f, a, b, out, clamped, n);
    report("rounded", "clamped_swiglu_backward.gate", n, "all", out, n * 4);
    report("rounded", "clamped_swiglu_backward.up", n, "all", clamped, n * 4);
    float gate[MOST], up[MOST];
    memcpy(gate, c, sizeof gate);
    caplet_swiglu_backward(a, b, gate, up, n);
    report("rounded", "swiglu_backward.gate", n, "all", gate, n * 4);
    report("rounded", "swiglu_backward.up", n, "all", up, n * 4);
    memcpy(out, a, sizeof out);
    caplet_soft_cap(out, 0.5f, 2, n);
    report("rounded", "soft_cap", n, "all", out, n * 4);
    memcpy(out, b, sizeof out);
    caplet_soft_cap_backward(c, 2, out, n);
    report("rounded", "soft_cap_backward", n, "all", out, n * 4);
    double sums[3] = {caplet_sum_abs(a, n), caplet_sum_squares(a, n), caplet_log_sum_exp(a, n)};
    report("rounded", "sums", n, "all", sums, sizeof sums);
    int found = caplet_has_nonfinite(a, n);
    report("exact", "has_nonfinite", n, "all", &found, sizeof found);
}

static void rows(size_t n) {
    size_t count = MOST / n < 4 ? 1 : 4;
    fill_all("rows");
    caplet_rms_norm(a, b, 1e-5f, out, count, n);
    report("rounded", "rms_norm", n, "all", out, count * n * 4);
    caplet_layer_norm(a, b, c, 1e-5f, out, count, n);
    report("rounded", "layer_norm", n, "all", out, count * n * 4);
    memset(out, 0, sizeof out);
    caplet_rms_norm_backward(a, b, 1e-5f, c, out, count, n);
    report("rounded", "rms_norm_backward", n, "all", out, count * n * 4);
    memset(out, 0, sizeof out);
    caplet_layer_norm_backward(a, b, 1e-5f, c, out, count, n);
    report("rounded", "layer_norm_backward", n, "all", out, count * n * 4);
    memcpy(out, a, sizeof out);
    caplet_softmax_row(out, 0.7f, n - n / 3, n);
    report("rounded", "softmax_row", n, "all", out, n * 4);
    memcpy(d, c, sizeof d);
    caplet_softmax_backward_row(out, d, 0.7f, n - n / 3, n);
    report("rounded", "softmax_backward_row", n, "all", d, n * 4);
    memcpy(d, b, sizeof d);
    double divergence = caplet_divergence_row(a, d, 0.5f, n);
    report("rounded", "divergence_row", n, "all", d, n * 4);
    report("rounded", "divergence_row.sum", n, "all", &divergence, sizeof divergence);
}

static void attention(size_t size) {
    size_t count = MOST / size < 6 ? 1 : 6;
    fill_all("attention");
    caplet_scores_row(a, b, size, count, size, out);
    report("rounded", "scores_row", size, "all", out, count * 4);
    caplet_weighted_rows(c, b, size, count, size, out);
    report("rounded", "weighted_rows", size, "all", out, size * 4);
    caplet_row_products(a, size, count, b, size, out);
    report("rounded", "row_products", size, "all", out, count * 4);
    memcpy(out, d, sizeof out);
    caplet_add_row_sum(a, size, count, c, out, size);
    report("rounded", "add_row_sum", size, "all", out, size * 4);
}

static void matrices(size_t n) {
    static float matrix[64 * 64];
    fill_all("matrices");
    fill_floats(matrix, n * n, 3);
    caplet_symmetric_product(matrix, n, n, 0, n, b, out);
    report("rounded", "symmetric_product", n, "all", out, n * 4);
    caplet_mirror_upper_triangle(matrix, n);
    report("exact", "mirror_upper_triangle", n, "all", matrix, n * n * 4);
}

static void feedback(void) {
    enum { WIDTH = 24 };
    float lengths[256], values[WIDTH], errors[WIDTH];
    int8_t codes[WIDTH];
    fill_all("feedback");
    for (int k = 0; k < 256; k++) lengths[k] = 1 + (float)abs(k - 128) * 0.125f;
    for (int k = 0; k < WIDTH; k++) {
        values[k] = a[k];
        b[k] = 0.0625f * (1 + (float)(k % 3));
        c[k * WIDTH + k] += 3;
    }
    caplet_quantize_feedback(values, b, WIDTH, c, WIDTH, lengths, 0.1f, codes, errors);
    report("rounded", "quantize_feedback.codes", WIDTH, "all", codes, sizeof codes);
    report("rounded", "quantize_feedback.errors", WIDTH, "all", errors, sizeof errors);
}

static void trellis_feedback(void) {
    enum { ROWS = 3, WIDTH = 24 };
    static float lengths[2 * CAPLET_TRELLIS_CLASSES * CAPLET_TRELLIS_INDICES], values[WIDTH], errors[WIDTH];
    static uint32_t counts[2 * CAPLET_TRELLIS_CLASSES * CAPLET_TRELLIS_INDICES];
    static int8_t codes[ROWS * WIDTH];
    uint8_t classes[ROWS * WIDTH];
    fill_all("trellis_feedback");
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) lengths[k] = 1 + (float)(k % CAPLET_TRELLIS_INDICES) * 0.25f;
    for (int k = 0; k < ROWS * WIDTH; k++) classes[k] = (uint8_t)(k % CAPLET_TRELLIS_CLASSES);
    for (int k = 0; k < WIDTH; k++) (b[k] = 0.0625f * (1 + (float)(k % 3)), c[k * WIDTH + k] += 3);
    for (int row = 0, state = 0; row < ROWS; row++, state = 0) {
        memcpy(values, a + row * WIDTH, sizeof values);
        for (int k = 0; k < WIDTH; k += 8) {
            state = caplet_quantize_trellis(
                values + k, b + k, 8, row < 2 ? c + k * (WIDTH + 1) : 0, WIDTH, row ? lengths : 0, classes + k, 0.2f, state,
                codes + row * WIDTH + k, errors + k);
        }
        report("rounded", "quantize_trellis.errors", (size_t)row, "all", errors, sizeof errors);
    }
    report("rounded", "quantize_trellis.codes", WIDTH, "all", codes, sizeof codes);
    caplet_count_indices(codes, classes, ROWS * WIDTH, WIDTH, counts);
    report("rounded", "count_indices", WIDTH, "all", counts, sizeof counts);
}

static void level_feedback(void) {
    enum { WIDTH = 24, TOP = 7 };
    static const float table[TOP + 1] = {-4, -2, -1, -0.25f, 0.5f, 1, 2, 5};
    float values[WIDTH], errors[WIDTH], offsets[WIDTH];
    uint8_t codes[WIDTH];
    for (int turn = 0; turn < 2; turn++) {
        fill_all("level_feedback");
        for (int k = 0; k < WIDTH; k++) {
            values[k] = a[k];
            // One in eight has levels that are all the same.
            b[k] = k % 8 == 5 ? 0 : 0.125f * (1 + (float)(k % 3)) * (k % 2 ? -1.0f : 1.0f);
            offsets[k] = 0.0625f * (float)(k % 5);
            c[k * WIDTH + k] += 3;
        }
        double sum = caplet_round_to_levels(values, b, offsets, turn ? table : 0, TOP, WIDTH, c, WIDTH, codes, errors);
        report("rounded", turn ? "round_to_levels.table.codes" : "round_to_levels.codes", WIDTH, "all", codes, sizeof codes);
        report("rounded", turn ? "round_to_levels.table.errors" : "round_to_levels.errors", WIDTH, "all", errors, sizeof errors);
        report("rounded", turn ? "round_to_levels.table" : "round_to_levels", WIDTH, "all", &sum, sizeof sum);
    }
}

static void resolvents(void) {
    enum { N = 40, POLES = 8 };
    static double diagonal[N], beside[N], heights[POLES], weights[2 * POLES], doubles[2 * CAPLET_RESOLVENT_POLES * N];
    static float ratios[2 * N * POLES], diagonals[2 * N * POLES], sums[N * N], floats[2 * POLES * CAPLET_RESOLVENT_COLUMNS];
    uint32_t active[POLES];
    seed("resolvents");
    for (int i = 0; i < N; i++) (diagonal[i] = next_float(), beside[i] = 0.3 * next_float());
    for (int p = 0; p < POLES; p++) (heights[p] = 0.1 * (p + 1), weights[2 * p] = next_float(), weights[2 * p + 1] = next_float());
    caplet_resolvent_factors(diagonal, beside, N, heights, weights, POLES, ratios, diagonals, doubles);
    report("rounded", "resolvent_factors", N, "all", ratios, sizeof ratios);
    for (size_t column = 0; column < N; column += CAPLET_RESOLVENT_COLUMNS) {
        size_t count = N - column < CAPLET_RESOLVENT_COLUMNS ? N - column : CAPLET_RESOLVENT_COLUMNS;
        caplet_resolvent_sum(ratios, diagonals, POLES, column, count, sums + column, N, floats, active);
    }
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) sums[i * N + j] = 0;
    }
    report("rounded", "resolvent_sum", N, "all", sums, sizeof sums);
}

// Two tokens more than the kernel is long, heads of one channel with a decay for each state, and of three that share one.
static void state_space(size_t n) {
    enum { TOKENS = 5, KERNEL = 3 };
    static float scratch[(2 * TOKENS + 3) * MOST], other[MOST];
    size_t width = n > 120 ? 120 : n;
    fill_all("state_space");
    caplet_causal_convolution(a, b, c, KERNEL, TOKENS, width, out);
    report("rounded", "causal_convolution", n, "all", out, TOKENS * width * 4);
    caplet_causal_convolution_backward(b, KERNEL, a, TOKENS, width, out);
    report("rounded", "causal_convolution_backward", n, "all", out, TOKENS * width * 4);
    caplet_softplus(a, 0.1f, 2, out, n);
    report("rounded", "softplus", n, "all", out, n * 4);
    memcpy(out, b, sizeof out);
    caplet_softplus_backward(a, 0.1f, 2, out, n);
    report("rounded", "softplus_backward", n, "all", out, n * 4);
    for (int shares = 0; shares < 2; shares++) {
        size_t channels = shares ? 3 : 1;
        caplet_scan scan = {TOKENS, channels, width, channels, 1, width, shares};
        float steps[TOKENS], y[TOKENS * 3], x_gradient[TOKENS * 3], step_gradient[TOKENS];
        for (int t = 0; t < TOKENS; t++) steps[t] = 0.5f + 0.25f * c[t];
        for (size_t i = 0; i < MOST; i++) d[i] = -0.5f - 0.25f * b[i];
        memset(other, 0, sizeof other);
        caplet_selective_scan(&scan, a, steps, d, b, c, 0.5f, other, y);
        report("rounded", shares ? "selective_scan.heads" : "selective_scan", n, "all", y, TOKENS * channels * 4);
        report("rounded", shares ? "selective_scan.heads.state" : "selective_scan.state", n, "all", other, channels * width * 4);
        memset(out, 0, sizeof out);
        memset(other, 0, sizeof other);
        caplet_selective_scan_backward(&scan, a, steps, d, b, c, 0.5f, y, scratch, x_gradient, step_gradient, out, other);
        report("rounded", shares ? "selective_scan_backward.heads.x" : "selective_scan_backward.x", n, "all", x_gradient, TOKENS * channels * 4);
        report("rounded", shares ? "selective_scan_backward.heads.step" : "selective_scan_backward.step", n, "all", step_gradient,
               sizeof step_gradient);
        report("rounded", shares ? "selective_scan_backward.heads.b" : "selective_scan_backward.b", n, "all", out, TOKENS * width * 4);
        report("rounded", shares ? "selective_scan_backward.heads.c" : "selective_scan_backward.c", n, "all", other, TOKENS * width * 4);
    }
}

// A head of three values, with keys of up to 80 numbers.
static void delta_rule(size_t n) {
    enum { TOKENS = 5, VALUES = 3, KEYS = 80 };
    static float scratch[(TOKENS + 2) * KEYS + 2 * TOKENS], state[KEYS * VALUES], q_gradient[TOKENS * KEYS], k_gradient[TOKENS * KEYS];
    size_t keys = n > KEYS ? KEYS : n;
    fill_all("delta_rule");
    caplet_delta rule = {TOKENS, keys, VALUES, keys, VALUES, 1};
    float steps[TOKENS], rates[TOKENS], written[VALUES], y[TOKENS * VALUES], v_gradient[TOKENS * VALUES], step_gradient[TOKENS];
    float rate_gradient[TOKENS];
    for (int t = 0; t < TOKENS; t++) (steps[t] = 0.5f + 0.25f * c[t], rates[t] = 0.5f + 0.25f * d[t]);
    for (size_t i = 0; i < MOST; i++) b[i] *= 0.1f;
    memset(state, 0, sizeof state);
    caplet_delta_rule(&rule, a, b, c, steps, -0.7f, rates, state, written, y);
    report("rounded", "delta_rule", n, "all", y, sizeof y);
    report("rounded", "delta_rule.state", n, "all", state, keys * VALUES * 4);
    memset(q_gradient, 0, sizeof q_gradient);
    memset(k_gradient, 0, sizeof k_gradient);
    caplet_delta_rule_backward(
        &rule, a, b, c, steps, -0.7f, rates, y, scratch, q_gradient, k_gradient, v_gradient, step_gradient, rate_gradient);
    report("rounded", "delta_rule_backward.q", n, "all", q_gradient, TOKENS * keys * 4);
    report("rounded", "delta_rule_backward.k", n, "all", k_gradient, TOKENS * keys * 4);
    report("rounded", "delta_rule_backward.v", n, "all", v_gradient, sizeof v_gradient);
    report("rounded", "delta_rule_backward.step", n, "all", step_gradient, sizeof step_gradient);
    report("rounded", "delta_rule_backward.rate", n, "all", rate_gradient, sizeof rate_gradient);
}

void run_steps(void) {
    // Tails of eleven are long enough for vectors of four, and for those of eight.
    static const size_t sizes[] = {1, 5, 16, 27, 67, 123, 256};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        elementwise(sizes[i]);
        rows(sizes[i]);
        attention(sizes[i]);
        state_space(sizes[i]);
        delta_rule(sizes[i]);
    }
    for (size_t n = 1; n <= 64; n += 9) matrices(n);
    feedback();
    trellis_feedback();
    level_feedback();
    resolvents();
}
