#include "CKernels.h"
#include "dispatch.h"

#include <string.h>

// How vectors are passed to functions depends on the processor; these are never passed.
#pragma clang diagnostic ignored "-Wpsabi"

enum { WIDTH = CAPLET_RESOLVENT_COLUMNS, POLES = CAPLET_RESOLVENT_POLES, ROWS_BETWEEN_LOOKS = 8 };

typedef float columns __attribute__((ext_vector_type(WIDTH)));
typedef double pole_lanes __attribute__((ext_vector_type(POLES)));
typedef float pole_floats __attribute__((ext_vector_type(POLES)));

// A complex number for each of some poles.
typedef struct { pole_lanes re, im; } pole_numbers;

// factor / z
CAPLET_INLINE pole_numbers quotients(double factor, const pole_numbers *z) {
    pole_lanes scale = factor / (z->re * z->re + z->im * z->im);
    return (pole_numbers){z->re * scale, -z->im * scale};
}

CAPLET_INLINE void put_poles(const pole_numbers *numbers, float *out, size_t count) {
    pole_floats re = __builtin_convertvector(numbers->re, pole_floats), im = __builtin_convertvector(numbers->im, pole_floats);
    for (size_t p = 0; p < count; p++) {
        out[2 * p] = re[p];
        out[2 * p + 1] = im[p];
    }
}

CAPLET_KERNEL(
    void, caplet_resolvent_factors,
    (const double *diagonal, const double *off_diagonal, size_t n, const double *heights, const double *weights, size_t poles,
     float *ratios, float *diagonals, double *state),
    (diagonal, off_diagonal, n, heights, weights, poles, ratios, diagonals, state)
) {
    for (size_t first = 0; first < poles; first += POLES) {
        size_t count = poles - first < POLES ? poles - first : POLES;
        pole_lanes height = 1, weight_re = 0, weight_im = 0;
        for (size_t p = 0; p < count; p++) {
            height[p] = heights[first + p];
            weight_re[p] = weights[2 * (first + p)];
            weight_im[p] = weights[2 * (first + p) + 1];
        }
        // Pivots from above and from below meet in the entry of the diagonal.
        pole_numbers pivot = {0, 0};
        for (size_t i = 0; i < n; i++) {
            pole_numbers own = {diagonal[i], -height};
            if (i > 0) {
                double square = off_diagonal[i - 1] * off_diagonal[i - 1];
                pole_numbers above = quotients(square, &pivot);
                own.re -= above.re;
                own.im -= above.im;
            }
            pivot = own;
            memcpy(state + i * 2 * POLES, &pivot, sizeof pivot);
            if (i + 1 == n) break;
            pole_numbers ratio = quotients(-off_diagonal[i], &pivot);
            put_poles(&ratio, ratios + 2 * (i * poles + first), count);
        }
        pole_numbers below = {0, 0};
        for (size_t i = n; i-- > 0;) {
            pole_numbers inverse;
            memcpy(&inverse, state + i * 2 * POLES, sizeof inverse);
            inverse.re -= below.re;
            inverse.im -= below.im;
            inverse = quotients(1, &inverse);
            pole_numbers weighted = {
                inverse.re * weight_re - inverse.im * weight_im, inverse.re * weight_im + inverse.im * weight_re};
            put_poles(&weighted, diagonals + 2 * (i * poles + first), count);
            if (i == 0) break;
            pole_numbers own = {diagonal[i] - below.re, -height - below.im};
            double square = off_diagonal[i - 1] * off_diagonal[i - 1];
            below = quotients(square, &own);
        }
    }
}

// Rows row - count + 1 to row of the sums over the poles: the state of each is read and written once for all of them; count is a constant
// where this is inlined.
CAPLET_INLINE void add_poles(const float *ratios, size_t poles, size_t row, size_t count, const uint32_t *active, size_t active_count,
                             float *state, columns *sums) {
    for (size_t r = 0; r < count; r++) sums[r] = 0;
    for (size_t a = 0; a < active_count; a++) {
        size_t p = active[a];
        float *at = state + p * 2 * WIDTH;
        columns re, im;
        memcpy(&re, at, sizeof re);
        memcpy(&im, at + WIDTH, sizeof im);
#pragma clang loop unroll(full)
        for (size_t r = 0; r < count; r++) {
            const float *ratio = ratios + 2 * ((row - r) * poles + p);
            columns turned = re * ratio[0] - im * ratio[1];
            im = re * ratio[1] + im * ratio[0];
            re = turned;
            sums[r] += turned;
        }
        memcpy(at, &re, sizeof re);
        memcpy(at + WIDTH, &im, sizeof im);
    }
}

// What is smaller adds nothing to sums of about 1, and would soon be too small for a normal float.
static const float negligible = 1e-12f;

static int is_negligible(const float *re, const float *im) {
    float most = 0;
    for (int k = 0; k < WIDTH; k++) {
        float a = re[k] < 0 ? -re[k] : re[k], b = im[k] < 0 ? -im[k] : im[k];
        most = a > most ? a : most;
        most = b > most ? b : most;
    }
    return most < negligible;
}

CAPLET_KERNEL(
    void, caplet_resolvent_sum,
    (const float *ratios, const float *diagonals, size_t poles, size_t column, size_t count, float *out, size_t stride, float *state,
     uint32_t *active),
    (ratios, diagonals, poles, column, count, out, stride, state, active)
) {
    enum { ROWS = 4 };
    size_t active_count = poles;
    memset(state, 0, poles * 2 * WIDTH * sizeof(float));
    for (size_t p = 0; p < poles; p++) active[p] = (uint32_t)p;
    columns sums[ROWS];
    // The rows of these columns' own diagonal.
    for (size_t row = column + count; row-- > column;) {
        add_poles(ratios, poles, row, 1, active, active_count, state, sums);
        for (size_t p = 0; p < poles; p++) {
            // Zeros were there so far.
            size_t entry = 2 * (row * poles + p);
            state[p * 2 * WIDTH + row - column] = diagonals[entry];
            state[p * 2 * WIDTH + WIDTH + row - column] = diagonals[entry + 1];
            sums[0][row - column] += diagonals[entry];
        }
        memcpy(out + row * stride, sums, count * sizeof(float));
    }
    // Those above it, of which there is a multiple of the columns.
    for (size_t row = column; row > 0;) {
        size_t left = 0;
        for (size_t a = 0; a < active_count; a++) {
            const float *at = state + active[a] * 2 * WIDTH;
            if (!is_negligible(at, at + WIDTH)) active[left++] = active[a];
        }
        active_count = left;
        for (size_t end = row - ROWS_BETWEEN_LOOKS; row > end; row -= ROWS) {
            add_poles(ratios, poles, row - 1, ROWS, active, active_count, state, sums);
            for (size_t r = 0; r < ROWS; r++) memcpy(out + (row - 1 - r) * stride, &sums[r], count * sizeof(float));
        }
    }
}
