#include "dispatch.h"
#include "packed.h"

// Element i lies in digit i / 16 % digits of word i % 16 of the vector i / (16 * digits).
void caplet_stream_encode(const uint8_t *codes, int is_signed, size_t first, size_t count, int bits, int center, uint32_t *words) {
    size_t digits = (size_t)digits_of(bits);
    int low = -(1 << (bits - 1)), high = (1 << (bits - 1)) - 1;
    uint32_t mask = (1u << bits) - 1;
    for (size_t n = 0; n < count; n++) {
        size_t i = first + n;
        int value = (is_signed ? (int8_t)codes[n] : codes[n]) - center;
        int digit = value < low ? low : value > high ? high : value;
        words[i / (16 * digits) * 16 + i % 16] |= ((uint32_t)digit & mask) << (i / 16 % digits * (size_t)bits);
    }
}

CAPLET_PACKED_INLINE void decode_vector(const uint32_t *words, int bits, float center, float *out) {
    for (int d = 0; d < digits_of(bits); d++) {
        for (int lane = 0; lane < 16; lane++) out[d * 16 + lane] = (float)digit_of(words[lane], bits, d) + center;
    }
}

CAPLET_DISPATCH
void caplet_stream_decode(const uint32_t *words, size_t first, size_t count, int bits, int center, float *out) {
    size_t digits = (size_t)digits_of(bits), size = 16 * digits;
    size_t i = first, end = first + count;
    while (i < end) {
        if (i % size == 0 && end - i >= size) {
            decode_vector(words + i / size * 16, bits, (float)center, out + (i - first));
            i += size;
        } else {
            uint32_t word = words[i / size * 16 + i % 16];
            out[i - first] = (float)(digit_of(word, bits, (int)(i / 16 % digits)) + center);
            i++;
        }
    }
}
