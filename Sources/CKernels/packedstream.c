#include "dispatch.h"
#include "packed.h"
#include "sums.h"

// Element i lies in digit i / 16 % digits of word i % 16 of the vector i / (16 * digits).
void caplet_stream_encode(const uint8_t *codes, int is_signed, size_t count, int bits, int center, uint32_t *words) {
    size_t digits = (size_t)digits_of(bits);
    int low = -bias_of(bits), high = bias_of(bits) - 1;
    for (size_t i = 0; i < count; i++) {
        int value = (is_signed ? (int8_t)codes[i] : codes[i]) - center;
        int digit = value < low ? low : value > high ? high : value;
        words[i / (16 * digits) * 16 + i % 16] |= (uint32_t)(digit - low) << (i / 16 % digits * (size_t)bits);
    }
}

CAPLET_PACKED_INLINE void decode(const uint32_t *words, size_t vectors, int offset, float *out, const int bits) {
    typedef int32_t integer_lanes __attribute__((ext_vector_type(16)));
    for (size_t v = 0; v < vectors; v++, words += 16) {
        word_lanes word;
        memcpy(&word, words, sizeof word);
#pragma clang loop unroll(full)
        for (int d = 0; d < digits_of(bits); d++, out += 16) {
            word_lanes digits = word >> (uint32_t)(bits * d) & (uint32_t)((1u << bits) - 1);
            integer_lanes codes = __builtin_convertvector(digits, integer_lanes) + (offset - bias_of(bits));
            sum_lanes values = __builtin_convertvector(codes, sum_lanes);
            memcpy(out, &values, sizeof values);
        }
    }
}

size_t caplet_stream_vector(int bits) { return 16 * (size_t)digits_of(bits); }

CAPLET_KERNEL(
    void, caplet_stream_decode,
    (const uint32_t *words, size_t vectors, int bits, int center, float *out),
    (words, vectors, bits, center, out)
) {
    switch (bits) {
    case 1: decode(words, vectors, center, out, 1); return;
    case 2: decode(words, vectors, center, out, 2); return;
    case 3: decode(words, vectors, center, out, 3); return;
    case 4: decode(words, vectors, center, out, 4); return;
    case 5: decode(words, vectors, center, out, 5); return;
    case 6: decode(words, vectors, center, out, 6); return;
    case 7: decode(words, vectors, center, out, 7); return;
    default: decode(words, vectors, center, out, 8); return;
    }
}

CAPLET_KERNEL(
    void, caplet_scale_groups,
    (float *values, size_t first, size_t count, size_t group_size, const float *scales, const uint8_t *zeros),
    (values, first, count, group_size, scales, zeros)
) {
    size_t end = first + count;
    for (size_t start = first; start < end;) {
        size_t group = start / group_size, stop = (group + 1) * group_size < end ? (group + 1) * group_size : end;
        float scale = scales[group], zero = zeros ? (float)zeros[group] : 0;
        for (size_t i = start - first; i < stop - first; i++) values[i] = (values[i] - zero) * scale;
        start = stop;
    }
}
