#include "CKernels.h"
#include "driver.h"
#include "values.h"

#include <stdlib.h>

// Casts, block codecs, planes and codes: bits are defined.

static const size_t SIZES[] = {1, 7, 16, 33, 1000};
enum { SIZE_COUNT = sizeof SIZES / sizeof *SIZES, MOST = 1024 };

static void widen_all(void) {
    uint16_t words[MOST];
    uint8_t bytes[MOST];
    float out[MOST];
    for (size_t s = 0; s < SIZE_COUNT; s++) {
        size_t n = SIZES[s];
        seed("widen");
        fill_bits(words, sizeof words);
        fill_bits(bytes, sizeof bytes);
        caplet_f32_from_bf16(words, out, n);
        report("exact", "f32_from_bf16", n, "all", out, n * 4);
        caplet_f32_from_f16(words, out, n);
        report("exact", "f32_from_f16", n, "all", out, n * 4);
        caplet_f32_from_f8e4m3(bytes, out, n);
        report("exact", "f32_from_f8e4m3", n, "all", out, n * 4);
        caplet_f32_from_f8e5m2(bytes, out, n);
        report("exact", "f32_from_f8e5m2", n, "all", out, n * 4);
        const uint8_t *odd = (const uint8_t *)words + 1;
        int found[2] = {caplet_has_exponent_16(odd, 0x7C00, n), caplet_has_exponent_32(odd, 0x7F800000, n / 2)};
        report("exact", "has_exponent", n, "all", found, sizeof found);
    }
}

static void narrow_all(void) {
    float in[MOST];
    uint16_t words[MOST];
    uint8_t bytes[MOST];
    for (size_t s = 0; s < SIZE_COUNT; s++) {
        size_t n = SIZES[s];
        seed("narrow");
        for (size_t i = 0; i < MOST; i++) {
            // A third of any bits, a third of the sizes that halves have, a third of those that bytes have.
            if (i % 3 == 0) {
                fill_bits(in + i, 4);
            } else {
                in[i] = next_float() * (i % 3 == 1 ? 70000.0f : 1e-5f);
            }
        }
        caplet_bf16_from_f32(in, words, n);
        report("exact", "bf16_from_f32", n, "all", words, n * 2);
        caplet_f16_from_f32(in, words, n);
        report("exact", "f16_from_f32", n, "all", words, n * 2);
        caplet_f8e4m3_from_f32(in, bytes, n);
        report("exact", "f8e4m3_from_f32", n, "all", bytes, n);
        caplet_f8e5m2_from_f32(in, bytes, n);
        report("exact", "f8e5m2_from_f32", n, "all", bytes, n);
    }
}

typedef void (*decoder)(const uint8_t *, float *, size_t);
typedef void (*encoder)(const float *, uint8_t *, size_t);

enum { BLOCKS = 12 };

// Halves in `halves` are small numbers, so that no product is infinite or no number.
static void decode(const char *name, decoder f, size_t elements, size_t bytes, int half, int other) {
    static uint8_t blocks[BLOCKS * 256];
    static float out[BLOCKS * 256];
    seed(name);
    fill_bits(blocks, sizeof blocks);
    for (size_t b = 0; b < BLOCKS; b++) {
        if (half >= 0) blocks[b * bytes + (size_t)half + 1] = (uint8_t)((blocks[b * bytes + (size_t)half + 1] & 0x83) | 0x28);
        if (other >= 0) blocks[b * bytes + (size_t)other + 1] = (uint8_t)((blocks[b * bytes + (size_t)other + 1] & 0x83) | 0x28);
    }
    f(blocks, out, BLOCKS * elements);
    report("exact", name, elements, "all", out, BLOCKS * elements * 4);
}

static void decode_iq1_m(void) {
    static uint8_t blocks[BLOCKS * 56];
    static float out[BLOCKS * 256];
    seed("iq1_m");
    fill_bits(blocks, sizeof blocks);
    // Its half is in the top four bits of four words of sixteen: the last has the exponent's.
    for (size_t b = 0; b < BLOCKS; b++) blocks[b * 56 + 55] = (uint8_t)((blocks[b * 56 + 55] & 0x0F) | 0x20);
    caplet_iq1_m_decode(blocks, out, BLOCKS * 256);
    report("exact", "iq1_m_decode", 256, "all", out, sizeof out);
}

static void decode_all(void) {
    decode("q4_0_decode", caplet_q4_0_decode, 32, 18, 0, -1);
    decode("q4_1_decode", caplet_q4_1_decode, 32, 20, 0, 2);
    decode("q5_0_decode", caplet_q5_0_decode, 32, 22, 0, -1);
    decode("q5_1_decode", caplet_q5_1_decode, 32, 24, 0, 2);
    decode("q2_k_decode", caplet_q2_k_decode, 256, 84, 80, 82);
    decode("q3_k_decode", caplet_q3_k_decode, 256, 110, 108, -1);
    decode("q4_k_decode", caplet_q4_k_decode, 256, 144, 0, 2);
    decode("q5_k_decode", caplet_q5_k_decode, 256, 176, 0, 2);
    decode("q6_k_decode", caplet_q6_k_decode, 256, 210, 208, -1);
    decode("tq1_0_decode", caplet_tq1_0_decode, 256, 54, 52, -1);
    decode("tq2_0_decode", caplet_tq2_0_decode, 256, 66, 64, -1);
    decode("mxfp4_decode", caplet_mxfp4_decode, 32, 17, -1, -1);
    decode("nvfp4_decode", caplet_nvfp4_decode, 64, 36, -1, -1);
    decode("iq4_nl_decode", caplet_iq4_nl_decode, 32, 18, 0, -1);
    decode("iq4_xs_decode", caplet_iq4_xs_decode, 256, 136, 0, -1);
    decode("iq2_xxs_decode", caplet_iq2_xxs_decode, 256, 66, 0, -1);
    decode("iq2_xs_decode", caplet_iq2_xs_decode, 256, 74, 0, -1);
    decode("iq2_s_decode", caplet_iq2_s_decode, 256, 82, 0, -1);
    decode("iq3_xxs_decode", caplet_iq3_xxs_decode, 256, 98, 0, -1);
    decode("iq3_s_decode", caplet_iq3_s_decode, 256, 110, 0, -1);
    decode("iq1_s_decode", caplet_iq1_s_decode, 256, 50, 0, -1);
    decode_iq1_m();
}

static void encode(const char *name, encoder f, size_t elements, size_t bytes) {
    static uint8_t blocks[BLOCKS * 256];
    static float in[BLOCKS * 256];
    seed(name);
    for (size_t i = 0; i < BLOCKS * elements; i++) {
        size_t block = i / elements;
        // Small, large, positive, mostly zero, one value, far from zero, and zeros.
        float value = next_float() * next_float();
        in[i] = block % 7 == 0 ? value * 1e-6f : block % 7 == 1 ? value * 900 : block % 7 == 2 ? value * value
              : block % 7 == 3 ? (i % 5 ? 0 : value) : block % 7 == 4 ? 0.75f : block % 7 == 5 ? 3 + value * 0.1f : 0;
    }
    f(in, blocks, BLOCKS * elements);
    report("exact", name, elements, "all", blocks, BLOCKS * bytes);
}

typedef void (*weighted_encoder)(const float *, const float *, uint8_t *, size_t);
typedef void (*putter)(const uint8_t *, uint8_t *, size_t);

// Blocks for weighted errors, then the same blocks with other codes.
static void round_blocks(const char *name, weighted_encoder f, putter put, size_t elements, size_t bytes, int top) {
    static float in[BLOCKS * 256], weights[BLOCKS * 256];
    static uint8_t blocks[BLOCKS * 256], codes[BLOCKS * 256];
    seed(name);
    for (size_t i = 0; i < BLOCKS * elements; i++) {
        in[i] = i / elements == 3 ? 0.0f : next_float() * (i % 97 == 0 ? 8.0f : 1.0f);
        weights[i] = 0.25f + (float)(i * 7919 % 64) / 16;
        codes[i] = (uint8_t)(i * 31 % (size_t)(top + 1));
    }
    f(in, weights, blocks, BLOCKS * elements);
    report("exact", name, elements, "all", blocks, BLOCKS * bytes);
    put(codes, blocks, BLOCKS * elements);
    report("exact", name, elements + 1, "all", blocks, BLOCKS * bytes);
}

typedef double (*point_rounder)(float *, const float *, const float *, size_t, uint8_t *, float *);

static void round_points(const char *name, point_rounder f, size_t bytes) {
    static float in[256], weights[256], errors[256], factor[256 * 256];
    static uint8_t block[256];
    seed(name);
    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < 256; i++) {
            in[i] = next_float() * (i % 97 == 0 ? 8.0f : 1.0f);
            weights[i] = 0.25f + (float)(i * 7919 % 64) / 16;
            // Of what is fed forward products are exact.
            for (int j = i; j < 256; j++) factor[i * 256 + j] = j == i ? 2.0f : j == i + 1 ? 0.5f : 0.0f;
        }
        double sum = f(in, weights, turn ? factor : 0, 256, block, errors);
        report("exact", name, 256 + (size_t)turn, "all", block, bytes);
        report("exact", name, 258 + (size_t)turn, "all", &sum, sizeof sum);
    }
}

static void round_all(void) {
    decode("q8_0_decode", caplet_q8_0_decode, 32, 34, 0, -1);
    round_blocks("q2_k", caplet_q2_k_encode_weighted, caplet_q2_k_put, 256, 84, 3);
    round_blocks("q3_k", caplet_q3_k_encode_weighted, caplet_q3_k_put, 256, 110, 7);
    round_blocks("q4_k", caplet_q4_k_encode_weighted, caplet_q4_k_put, 256, 144, 15);
    round_blocks("q5_k", caplet_q5_k_encode_weighted, caplet_q5_k_put, 256, 176, 31);
    round_blocks("q6_k", caplet_q6_k_encode_weighted, caplet_q6_k_put, 256, 210, 63);
    round_blocks("q4_0", caplet_q4_0_encode_weighted, caplet_q4_0_put, 32, 18, 15);
    round_blocks("q5_0", caplet_q5_0_encode_weighted, caplet_q5_0_put, 32, 22, 31);
    round_blocks("q8_0", caplet_q8_0_encode_weighted, caplet_q8_0_put, 32, 34, 254);
    round_blocks("iq4_nl", caplet_iq4_nl_encode_weighted, caplet_iq4_nl_put, 32, 18, 15);
    round_blocks("iq4_xs", caplet_iq4_xs_encode_weighted, caplet_iq4_xs_put, 256, 136, 15);
    round_points("iq2_xxs_rounded", caplet_iq2_xxs_round, 66);
    round_points("iq2_xs_round", caplet_iq2_xs_round, 74);
    round_points("iq2_s_round", caplet_iq2_s_round, 82);
    round_points("iq3_xxs_round", caplet_iq3_xxs_round, 98);
    round_points("iq3_s_round", caplet_iq3_s_round, 110);
}

static void encode_all(void) {
    encode("q4_0_encode", caplet_q4_0_encode, 32, 18);
    encode("q4_1_encode", caplet_q4_1_encode, 32, 20);
    encode("q5_0_encode", caplet_q5_0_encode, 32, 22);
    encode("q5_1_encode", caplet_q5_1_encode, 32, 24);
    encode("q2_k_encode", caplet_q2_k_encode, 256, 84);
    encode("q3_k_encode", caplet_q3_k_encode, 256, 110);
    encode("q4_k_encode", caplet_q4_k_encode, 256, 144);
    encode("q5_k_encode", caplet_q5_k_encode, 256, 176);
    encode("q6_k_encode", caplet_q6_k_encode, 256, 210);
}

static void q8_0_all(void) {
    enum { COUNT = 32 * 9 };
    float in[COUNT];
    int8_t codes[COUNT], parted[COUNT];
    uint16_t scales[9], parted_scales[9];
    uint8_t blocks[34 * 9];
    seed("q8_0");
    for (size_t i = 0; i < COUNT; i++) in[i] = next_float() * (float)(i / 32) * 0.1f;
    caplet_q8_0_encode(in, codes, scales, COUNT);
    report("exact", "q8_0_encode.codes", COUNT, "all", codes, sizeof codes);
    report("exact", "q8_0_encode.scales", COUNT, "all", scales, sizeof scales);
    caplet_q8_0_join(codes, scales, blocks, COUNT);
    report("exact", "q8_0_join", COUNT, "all", blocks, sizeof blocks);
    caplet_q8_0_split(blocks, parted, parted_scales, COUNT);
    report("exact", "q8_0_split.codes", COUNT, "all", parted, sizeof parted);
    report("exact", "q8_0_split.scales", COUNT, "all", parted_scales, sizeof parted_scales);
}

static void planes_all(void) {
    enum { COUNT = 77 };
    uint8_t in[COUNT * 8], out[COUNT * 8], planes[8][COUNT];
    seed("planes");
    fill_bits(in, sizeof in);
    for (size_t width = 2; width <= 8; width *= 2) {
        for (int rotates = 0; rotates < 2; rotates++) {
            const uint8_t *list[8];
            for (size_t p = 0; p < width; p++) {
                caplet_plane(in, planes[p], COUNT, width, p, rotates);
                list[p] = planes[p];
            }
            report("exact", rotates ? "plane.rotated" : "plane", width, "all", planes, COUNT * width);
            caplet_planes_join(list, out, COUNT, width, rotates);
            report("exact", rotates ? "planes_join.rotated" : "planes_join", width, "all", out, COUNT * width);
        }
    }
}

static void dequantize_all(void) {
    enum { COUNT = 96 * 4 };
    uint8_t codes[COUNT];
    float scales[COUNT], out[COUNT];
    seed("dequantize");
    fill_bits(codes, sizeof codes);
    fill_floats(scales, COUNT, 0.02f);
    caplet_dequantize_i8((const int8_t *)codes, scales[0], out, COUNT - 1);
    report("exact", "dequantize_i8", COUNT - 1, "all", out, (COUNT - 1) * 4);
    caplet_dequantize_u8(codes, scales[1], 117, out, COUNT - 3);
    report("exact", "dequantize_u8", COUNT - 3, "all", out, (COUNT - 3) * 4);
    for (size_t size = 12; size <= 96; size *= 2) {
        caplet_dequantize_groups((const int8_t *)codes, scales, size, out, COUNT);
        report("exact", "dequantize_groups", size, "all", out, sizeof out);
    }
}

static void adaptive_all(void) {
    enum { COLUMNS = 37, COUNT = 1500 };
    static uint8_t codes[COUNT], back[COUNT], out[CAPLET_ADAPTIVE_ROOM(COUNT)];
    static uint32_t means[COLUMNS], steps[2 * COUNT];
    seed("adaptive");
    for (int turn = 0; turn < 3; turn++) {
        // Narrow codes, then all there are, then levels of a trellis.
        for (int i = 0, state = 0; i < COUNT; i++) {
            uint8_t byte = (uint8_t)next_word();
            if (i % COLUMNS == 0) state = 0;
            int index = byte % 7 - 3, size = index < 0 ? -index : index, quantiser = state >> 1 & 1;
            codes[i] = (uint8_t)(turn == 0 ? index : turn == 1 ? byte : 2 * index - quantiser * ((index > 0) - (index < 0)));
            state = (2 * state & 7) | ((size ^ __builtin_popcount((unsigned)state)) & 1);
        }
        int is_trellis = caplet_is_on_trellis(codes, COUNT, COLUMNS, 0);
        report("exact", "is_on_trellis", (size_t)turn, "all", &is_trellis, sizeof is_trellis);
        size_t size = caplet_adaptive_encode(codes, COUNT, COLUMNS, 0, is_trellis, means, steps, out);
        report("exact", "adaptive_encode", (size_t)turn, "all", out, size);
        for (size_t cut = size; cut + 3 > size; cut--) {
            int failure = (int)caplet_adaptive_decode(out, cut, COUNT, COLUMNS, 0, is_trellis, means, back);
            report("exact", "adaptive_decode.failure", (size_t)turn * 10 + size - cut, "all", &failure, sizeof failure);
            if (cut == size) report("exact", "adaptive_decode", (size_t)turn, "all", back, sizeof back);
        }
    }
}

void run_codecs(void) {
    widen_all();
    narrow_all();
    decode_all();
    encode_all();
    round_all();
    q8_0_all();
    planes_all();
    dequantize_all();
    adaptive_all();
}
