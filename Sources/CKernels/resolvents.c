#include "CKernels.h"
#include "dispatch.h"

#include <string.h>

// How vectors are passed to functions depends on the processor; these are never passed.
#pragma clang diagnostic ignored "-Wpsabi"

enum { WIDTH = CAPLET_RESOLVENT_COLUMNS, ROWS_BETWEEN_LOOKS = 8 };

typedef float columns __attribute__((ext_vector_type(WIDTH)));

// What is smaller adds nothing to sums of about 1, and would soon be too small for a normal float.
static const float negligible = 1e-16f;

static int is_negligible(const float *re, const float *im) {
    float most = 0;
    for (int k = 0; k < WIDTH; k++) {
        float a = re[k] < 0 ? -re[k] : re[k], b = im[k] < 0 ? -im[k] : im[k];
        most = a > most ? a : most;
        most = b > most ? b : most;
    }
    return most < negligible;
}

CAPLET_DISPATCH
void caplet_resolvent_sum(const float *ratios, const float *diagonals, size_t poles, size_t column, size_t count, float *out,
                          size_t stride, float *state, uint32_t *active) {
    size_t activeCount = poles;
    memset(state, 0, poles * 2 * WIDTH * sizeof(float));
    for (size_t p = 0; p < poles; p++) active[p] = (uint32_t)p;
    for (size_t row = column + count; row-- > 0;) {
        columns sum = 0;
        for (size_t a = 0; a < activeCount; a++) {
            size_t p = active[a], entry = 2 * (row * poles + p);
            float *at = state + p * 2 * WIDTH;
            columns re, im;
            memcpy(&re, at, sizeof re);
            memcpy(&im, at + WIDTH, sizeof im);
            float g = ratios[entry], h = ratios[entry + 1];
            columns turned = re * g - im * h;
            im = re * h + im * g;
            memcpy(at, &turned, sizeof turned);
            memcpy(at + WIDTH, &im, sizeof im);
            sum += turned;
            if (row < column) continue;
            // The row of this column's own diagonal: zeros were there so far.
            at[row - column] = diagonals[entry];
            at[WIDTH + row - column] = diagonals[entry + 1];
            sum[row - column] += diagonals[entry];
        }
        memcpy(out + row * stride, &sum, count * sizeof(float));
        if (row > column || row % ROWS_BETWEEN_LOOKS) continue;
        size_t left = 0;
        for (size_t a = 0; a < activeCount; a++) {
            const float *at = state + active[a] * 2 * WIDTH;
            if (!is_negligible(at, at + WIDTH)) active[left++] = active[a];
        }
        activeCount = left;
    }
}
