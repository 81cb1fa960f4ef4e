#include "CKernels.h"
#include "dispatch.h"

#include <string.h>

// One loop for each width, written once: words come from and go to any address, rotated by `left` bits.
#define CAPLET_PLANES(bits)                                                                                              \
    CAPLET_INLINE uint##bits##_t rotated##bits(uint##bits##_t word, unsigned left) {                                     \
        return left ? (uint##bits##_t)(word << left | word >> (bits - left)) : word;                                     \
    }                                                                                                                    \
    CAPLET_INLINE void plane##bits(const uint8_t *in, uint8_t *out, size_t count, unsigned plane, unsigned left) {       \
        for (size_t i = 0; i < count; i++) {                                                                             \
            uint##bits##_t word;                                                                                         \
            memcpy(&word, in + i * sizeof word, sizeof word);                                                            \
            out[i] = (uint8_t)(rotated##bits(word, left) >> 8 * plane);                                                  \
        }                                                                                                                \
    }                                                                                                                    \
    CAPLET_INLINE void join##bits(const uint8_t *const *planes, uint8_t *out, size_t count, unsigned left) {             \
        const uint8_t *plane[bits / 8];                                                                                  \
        for (size_t k = 0; k < bits / 8; k++) plane[k] = planes[k];                                                      \
        for (size_t i = 0; i < count; i++) {                                                                             \
            uint##bits##_t word = 0;                                                                                     \
            for (size_t k = 0; k < bits / 8; k++) word |= (uint##bits##_t)((uint##bits##_t)plane[k][i] << 8 * k);        \
            word = rotated##bits(word, left);                                                                            \
            memcpy(out + i * sizeof word, &word, sizeof word);                                                           \
        }                                                                                                                \
    }

CAPLET_PLANES(16)
CAPLET_PLANES(32)
CAPLET_PLANES(64)

CAPLET_KERNEL(
    void, caplet_plane, (const uint8_t *in, uint8_t *out, size_t count, size_t width, size_t plane, int rotates),
    (in, out, count, width, plane, rotates)
) {
    unsigned left = rotates ? 1 : 0;
    if (width == 2) plane16(in, out, count, (unsigned)plane, left);
    else if (width == 4) plane32(in, out, count, (unsigned)plane, left);
    else plane64(in, out, count, (unsigned)plane, left);
}

CAPLET_KERNEL(
    void, caplet_planes_join, (const uint8_t *const *planes, uint8_t *out, size_t count, size_t width, int rotates),
    (planes, out, count, width, rotates)
) {
    if (width == 2) join16(planes, out, count, rotates ? 15 : 0);
    else if (width == 4) join32(planes, out, count, rotates ? 31 : 0);
    else join64(planes, out, count, rotates ? 63 : 0);
}
