#ifndef CAPLET_LANES_H
#define CAPLET_LANES_H

#include "dispatch.h"

#include <stdint.h>

// How vectors are passed to functions depends on the processor; these functions are never called, only inlined.
#pragma clang diagnostic ignored "-Wpsabi"

// The same sums on every processor.
#pragma STDC FP_CONTRACT OFF

// Eight floats side by side, one for each of eight groups of elements: sums over a group need no step across lanes, and
// the results are the same on every processor.
enum { LANES = 8 };

typedef float lanes __attribute__((ext_vector_type(LANES)));
typedef int32_t integer_lanes __attribute__((ext_vector_type(LANES)));


CAPLET_INLINE lanes lanes_of(float value) { return (lanes)value; }
CAPLET_INLINE lanes least(lanes a, lanes b) { return a < b ? a : b; }
CAPLET_INLINE lanes greatest(lanes a, lanes b) { return a > b ? a : b; }
CAPLET_INLINE lanes magnitude(lanes a) { return a < 0 ? -a : a; }
CAPLET_INLINE lanes between(lanes value, float low, float high) { return least(greatest(value, lanes_of(low)), lanes_of(high)); }

// To the nearest integer, ties to even; for magnitudes below 2^22.
CAPLET_INLINE lanes nearest(lanes value) { return (value + 12582912.0f) - 12582912.0f; }

// 1 / value; 0 where the value is so small that it or its inverse could not be told from 0 and infinity.
CAPLET_INLINE lanes inverse(lanes value) {
    lanes size = magnitude(value);
    lanes quotient = 1.0f / (size > 1e-30f ? value : lanes_of(1.0f));
    return size > 1e-30f ? quotient : lanes_of(0.0f);
}

CAPLET_INLINE float sum_of(lanes value) {
    return ((value[0] + value[4]) + (value[2] + value[6])) + ((value[1] + value[5]) + (value[3] + value[7]));
}

// Whether a value is so large that no product of a half and small integers is near it, and its square may be no float.
CAPLET_INLINE int is_beyond_halves(const lanes *x, int size) {
    lanes most = 0;
    for (int i = 0; i < size; i++) most = greatest(most, magnitude(x[i]));
    for (int k = 0; k < LANES; k++) {
        if (most[k] > 1e12f) return 1;
    }
    return 0;
}

// Element i of group k of eight, in[k * size + i], to lane k of x[i].
CAPLET_INLINE void lanes_across(const float *in, lanes *x, int size) {
    for (int i = 0; i < size; i++) {
        for (int k = 0; k < LANES; k++) x[i][k] = in[k * size + i];
    }
}

#endif
