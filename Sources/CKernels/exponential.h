#ifndef CAPLET_EXPONENTIAL_H
#define CAPLET_EXPONENTIAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// Sums run over this many independent lanes, so that they vectorise without reordering one sum.
enum { LANES = 16 };

static inline float sum_of_lanes(const float lane[LANES]) {
    float sum = 0;
    for (int k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

// e^x to about 1 unit in the last place: x = n ln 2 + r, a polynomial in r, the exponent by bits.
static inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
    float n = floorf(x * 1.44269504088896341f + 0.5f);
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

#endif
