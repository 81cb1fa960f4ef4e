#ifndef CAPLET_DRIVER_VALUES_H
#define CAPLET_DRIVER_VALUES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// Inputs from a seed, the same on every processor, and digests of outputs.

static uint64_t state;

static void seed(const char *name) {
    state = 1469598103934665603u;
    for (; *name; name++) state = (state ^ (uint8_t)*name) * 1099511628211u;
}

// SplitMix64.
static uint64_t next_word(void) {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

// A number of 24 bits in -1 ... 1.
static float next_float(void) { return (float)((int32_t)(next_word() >> 40) - (1 << 23)) * (1.0f / (1 << 23)); }

static void fill_floats(float *out, size_t count, float size) {
    for (size_t i = 0; i < count; i++) out[i] = size * next_float();
}

// Every bit pattern may come: NaN, infinities, denormals.
static __attribute__((unused)) void fill_bits(void *out, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)out)[i] = (uint8_t)next_word();
}

static uint64_t digest(const void *bytes, size_t count) {
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < count; i++) hash = (hash ^ ((const uint8_t *)bytes)[i]) * 1099511628211u;
    return hash;
}

// One line for an output. `kind` is "exact" where the bits are the same on every processor, "rounded" where products and sums may be
// rounded once or twice and functions are the C library's; `path` is that of the code, "all" where there is one.
static void report(const char *kind, const char *name, size_t size, const char *path, const void *bytes, size_t count) {
    printf("%s %s/%zu %s %016llx\n", kind, name, size, path, (unsigned long long)digest(bytes, count));
}

#endif
