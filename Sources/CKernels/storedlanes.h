#ifndef CAPLET_STOREDLANES_H
#define CAPLET_STOREDLANES_H

#include "CKernels.h"
#include "sums.h"

typedef _Float16 half_lanes __attribute__((ext_vector_type(16)));

// Sixteen stored elements as floats, of which only the first `count` are read.
CAPLET_SUM_INLINE sum_lanes widened(const uint8_t *in, caplet_scale_kind kind, size_t count) {
    if (kind == CAPLET_SCALE_F32) {
        sum_lanes lanes = 0;
        memcpy(&lanes, in, count * 4);
        return lanes;
    }
    half_word_lanes words = 0;
    memcpy(&words, in, count * 2);
    if (kind == CAPLET_SCALE_BF16) {
        word_lanes bits = __builtin_convertvector(words, word_lanes) << 16;
        sum_lanes lanes;
        memcpy(&lanes, &bits, sizeof lanes);
        return lanes;
    }
    half_lanes halves;
    memcpy(&halves, &words, sizeof halves);
    return __builtin_convertvector(halves, sum_lanes);
}

#endif
