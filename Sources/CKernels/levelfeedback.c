#include "include/CKernels.h"
#include "dispatch.h"

#include <math.h>

CAPLET_KERNEL(
    double, caplet_round_to_levels,
    (float *values, const float *steps, const float *offsets, const float *table, int top, size_t width, const float *factor,
     size_t stride, uint8_t *codes, float *errors),
    (values, steps, offsets, table, top, width, factor, stride, codes, errors)
) {
    double sum = 0;
    for (size_t j = 0; j < width; j++) {
        float step = steps[j], x = step != 0 ? (values[j] - offsets[j]) / step : 0, level;
        int code = 0;
        if (table) {
            for (int k = 1; k <= top; k++) code += x > (table[k - 1] + table[k]) / 2;
            level = table[code];
        } else {
            // What is not a number fails both comparisons, and becomes 0.
            float nearest = rintf(x);
            code = nearest > 0 ? (nearest < (float)top ? (int)nearest : top) : 0;
            level = (float)code;
        }
        codes[j] = (uint8_t)code;
        const float *row = factor + j * stride;
        float error = (values[j] - (step * level + offsets[j])) / row[j];
        errors[j] = error;
        sum += (double)error * (double)error;
        for (size_t k = j + 1; k < width; k++) values[k] -= error * row[k];
    }
    return sum;
}
