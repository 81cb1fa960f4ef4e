#include "CKernels.h"
#include "dispatch.h"

#include <string.h>

CAPLET_DISPATCH
static void split2(const uint8_t *in, uint8_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[i] = in[2 * i];
        out[count + i] = in[2 * i + 1];
    }
}

CAPLET_DISPATCH
static void join2(const uint8_t *in, uint8_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[2 * i] = in[i];
        out[2 * i + 1] = in[count + i];
    }
}

CAPLET_DISPATCH
static void split4(const uint8_t *in, uint8_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 4; k++) out[k * count + i] = in[4 * i + k];
    }
}

CAPLET_DISPATCH
static void join4(const uint8_t *in, uint8_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 4; k++) out[4 * i + k] = in[k * count + i];
    }
}

void caplet_planes_split(const uint8_t *in, uint8_t *out, size_t count, size_t width) {
    if (width == 1) { memcpy(out, in, count); return; }
    if (width == 2) { split2(in, out, count); return; }
    if (width == 4) { split4(in, out, count); return; }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < width; k++) out[k * count + i] = in[i * width + k];
    }
}

void caplet_planes_join(const uint8_t *in, uint8_t *out, size_t count, size_t width) {
    if (width == 1) { memcpy(out, in, count); return; }
    if (width == 2) { join2(in, out, count); return; }
    if (width == 4) { join4(in, out, count); return; }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < width; k++) out[i * width + k] = in[k * count + i];
    }
}
