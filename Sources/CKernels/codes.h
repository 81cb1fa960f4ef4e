#ifndef CAPLET_CODES_H
#define CAPLET_CODES_H

#include <stdint.h>
#include <string.h>

// How vectors are passed to functions depends on the processor; these functions are never called, only inlined.
#pragma clang diagnostic ignored "-Wpsabi"

// Every product and sum is rounded on its own, as the reference does it.
#pragma STDC FP_CONTRACT OFF

// Sixteen codes side by side, spelt out: the compiler sees the loops over blocks, and not these, as what to do at once.
typedef uint8_t code_lanes __attribute__((ext_vector_type(16)));
typedef float float_lanes __attribute__((ext_vector_type(16)));

static inline __attribute__((always_inline)) float_lanes floats_of(const uint8_t *codes) {
    code_lanes lanes;
    memcpy(&lanes, codes, sizeof lanes);
    return __builtin_convertvector(lanes, float_lanes);
}

// out = scale * code - minimum.
static inline __attribute__((always_inline)) void put_affine(const uint8_t *codes, float scale, float minimum, float *out, int size) {
    for (int i = 0; i < size; i += 16) {
        float_lanes values = scale * floats_of(codes + i) - minimum;
        memcpy(out + i, &values, sizeof values);
    }
}

// out = scale * code + offset.
static inline __attribute__((always_inline)) void put_offset(const uint8_t *codes, float scale, float offset, float *out, int size) {
    for (int i = 0; i < size; i += 16) {
        float_lanes values = scale * floats_of(codes + i) + offset;
        memcpy(out + i, &values, sizeof values);
    }
}

// out = scale * (code - zero).
static inline __attribute__((always_inline)) void put_symmetric(const uint8_t *codes, float scale, float zero, float *out, int size) {
    for (int i = 0; i < size; i += 16) {
        float_lanes values = scale * (floats_of(codes + i) - zero);
        memcpy(out + i, &values, sizeof values);
    }
}

#endif
