#ifndef CAPLET_SUMS_H
#define CAPLET_SUMS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// How vectors are passed to functions depends on the processor; these functions are never called, only inlined.
#pragma clang diagnostic ignored "-Wpsabi"

// Sums over sixteen lanes of products that are rounded once, as a fused product and sum: the same on every processor.
enum { SUM_LANES = 16 };

typedef float sum_lanes __attribute__((ext_vector_type(16)));
typedef uint16_t half_word_lanes __attribute__((ext_vector_type(16)));
typedef uint32_t word_lanes __attribute__((ext_vector_type(16)));

#define CAPLET_SUM_INLINE static inline __attribute__((always_inline))

CAPLET_SUM_INLINE sum_lanes sum_product(sum_lanes a, sum_lanes b, sum_lanes sum) { return __builtin_elementwise_fma(a, b, sum); }

CAPLET_SUM_INLINE sum_lanes load_lanes(const float *in) {
    sum_lanes lanes;
    memcpy(&lanes, in, sizeof lanes);
    return lanes;
}

// The first lanes, and zeros.
CAPLET_SUM_INLINE sum_lanes load_some_lanes(const float *in, size_t count) {
    sum_lanes lanes = 0;
    memcpy(&lanes, in, count * sizeof(float));
    return lanes;
}

CAPLET_SUM_INLINE float sum_across(sum_lanes sum) {
    typedef float eight __attribute__((ext_vector_type(8)));
    typedef float four __attribute__((ext_vector_type(4)));
    eight a = sum.lo + sum.hi;
    four b = a.lo + a.hi;
    return (b.x + b.z) + (b.y + b.w);
}

#endif
