#include "include/CKernels.h"
#include "dispatch.h"

#include <math.h>

CAPLET_KERNEL(
    void, caplet_quantize_feedback,
    (float *values, const float *steps, size_t width, const float *factor, size_t stride, const float *lengths, float lambda,
     int8_t *codes, float *errors),
    (values, steps, width, factor, stride, lengths, lambda, codes, errors)
) {
    for (size_t j = 0; j < width; j++) {
        float step = steps[j], x = values[j] / step;
        float nearest = rintf(x);
        // What is not a number fails both comparisons, and becomes 0.
        nearest = nearest >= -127 ? (nearest <= 127 ? nearest : 127) : (nearest < -127 ? -127 : 0);
        int code = (int)nearest;
        if (code != 0 && lambda > 0) {
            int smaller = code > 0 ? code - 1 : code + 1;
            float rest = x - nearest, more = x - (float)smaller;
            float saved = lengths[code + 128] - lengths[smaller + 128];
            if (more * more - rest * rest < lambda * saved) code = smaller;
        }
        codes[j] = (int8_t)code;
        float error = values[j] - step * (float)code;
        if (!factor) continue;
        const float *row = factor + j * stride;
        error /= row[j];
        errors[j] = error;
        for (size_t k = j + 1; k < width; k++) values[k] -= error * row[k];
    }
}
