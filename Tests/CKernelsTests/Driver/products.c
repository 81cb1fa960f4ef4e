#include "CKernels.h"
#include "driver.h"
#include "values.h"

#include <stdlib.h>

// Products with weights as they are stored, on every path of this processor: bits are defined.

static const char *const PATHS[] = {"plain", "narrow", "wide"};

static float *tiles_and_room(size_t tiles, size_t room) {
    float *floats = malloc((tiles + room) * sizeof(float));
    if (!floats) exit(1);
    return floats;
}

// Tokens of which some fill tiles and some do not, with the inputs there are again and again.
static void packed_tiles(const caplet_packed_matrix *matrix, const float *x, size_t tokens, const float *sums, int bits, int has_zeros) {
    enum { MANY = 37 };
    size_t columns = matrix->columns, groups = matrix->groups, rows = matrix->rows;
    float *inputs = tiles_and_room(MANY * columns, MANY * groups), *group_sums = inputs + MANY * columns;
    float *tiled = tiles_and_room(caplet_packed_tiles_count(MANY, columns), caplet_packed_tiles_room(MANY));
    float *room = tiled + caplet_packed_tiles_count(MANY, columns), *y = tiles_and_room(MANY * rows, 0);
    for (size_t t = 0; t < MANY; t++) {
        memcpy(inputs + t * columns, x + t % tokens * columns, columns * sizeof(float));
        memcpy(group_sums + t * groups, sums + t % tokens * groups, groups * sizeof(float));
    }
    caplet_packed_tile_inputs(inputs, MANY, columns, NULL, tiled);
    memset(y, 0, MANY * rows * sizeof(float));
    caplet_packed_tiles_product(matrix, 0, (rows + 15) / 16, tiled, group_sums, MANY, y, rows, room);
    // The name of the other product's line: the same bits.
    char name[64];
    snprintf(name, sizeof name, "packed_product.%d.%d.%d", bits, (int)matrix->scale_kind, has_zeros);
    for (size_t t = 0; t + tokens <= MANY; t += tokens) {
        report("exact", name, columns, "tiles", y + t * rows, tokens * rows * 4);
    }
    free(inputs);
    free(tiled);
    free(y);
}

static void packed(int bits, size_t columns, size_t group_size, caplet_scale_kind kind, int has_zeros) {
    enum { ROWS = 24, BLOCKS = 2, TOKENS = 5, MOST_COLUMNS = 700 };
    static uint8_t codes[ROWS * MOST_COLUMNS];
    static uint32_t words[BLOCKS * MOST_COLUMNS * 16];
    static uint16_t escapes[ROWS * MOST_COLUMNS * 32];
    uint32_t counts[4], escape_starts[BLOCKS * 4 + 1] = {0};
    size_t groups = (columns + group_size - 1) / group_size, segments = (columns + 255) / 256, used = 0, escaped = 0;
    static float scales[BLOCKS * 64 * 16], x[TOKENS * MOST_COLUMNS], sums[TOKENS * 64], y[TOKENS * ROWS], row[MOST_COLUMNS];
    static uint16_t halves[BLOCKS * 64 * 16];
    static uint8_t zeros[BLOCKS * 64 * 16];
    uint8_t widths[BLOCKS];
    int16_t centers[BLOCKS];
    size_t starts[BLOCKS];
    seed("packed");
    for (size_t i = 0; i < ROWS * columns; i++) {
        int value = (int)(next_float() * next_float() * (float)(1 << bits)) + (has_zeros ? 100 : 0);
        codes[i] = (uint8_t)(int8_t)value;
    }
    for (size_t b = 0; b < BLOCKS; b++) {
        size_t rows = b + 1 < BLOCKS ? 16 : ROWS - 16;
        widths[b] = (uint8_t)bits;
        centers[b] = has_zeros ? 101 : 1;
        starts[b] = used;
        escaped += caplet_packed_encode(codes + b * 16 * columns, !has_zeros, rows, columns, group_size, bits, centers[b], words + used,
                                        escapes + escaped, counts);
        for (size_t s = 0; s < segments; s++) escape_starts[b * segments + s + 1] = escape_starts[b * segments + s] + counts[s];
        for (size_t start = 0; start < columns; start += group_size) {
            used += caplet_packed_words(columns - start < group_size ? columns - start : group_size, bits);
        }
    }
    size_t scale_count = BLOCKS * groups * 16;
    fill_floats(scales, scale_count, 0.1f);
    if (kind == CAPLET_SCALE_F16) caplet_f16_from_f32(scales, halves, scale_count);
    if (kind == CAPLET_SCALE_BF16) caplet_bf16_from_f32(scales, halves, scale_count);
    for (size_t i = 0; i < scale_count; i++) zeros[i] = (uint8_t)(96 + next_word() % 8);
    fill_floats(x, TOKENS * columns, 2);
    for (size_t t = 0; t < TOKENS; t++) {
        for (size_t g = 0; g < groups; g++) {
            float sum = 0;
            for (size_t c = g * group_size; c < columns && c < (g + 1) * group_size; c++) sum += x[t * columns + c];
            sums[t * groups + g] = sum;
        }
    }
    caplet_packed_matrix matrix = {
        ROWS, columns, group_size, groups, widths, centers, starts, words, escape_starts, escapes,
        kind == CAPLET_SCALE_F32 ? (const void *)scales : halves, kind, has_zeros ? zeros : NULL};
    char name[64];
    snprintf(name, sizeof name, "packed_product.%d.%d.%d", bits, (int)kind, has_zeros);
    for (int level = 0; level <= (int)caplet_packed_level(); level++) {
        memset(y, 0, sizeof y);
        caplet_packed_product((caplet_vector_level)level, &matrix, 0, BLOCKS, x, columns, sums, TOKENS, y, ROWS);
        report("exact", name, columns, PATHS[level], y, sizeof y);
    }
    snprintf(name, sizeof name, "packed_encode.%d.%d.%d", bits, (int)kind, has_zeros);
    report("exact", name, columns, "all", words, used * 4);
    snprintf(name, sizeof name, "packed_row.%d.%d.%d", bits, (int)kind, has_zeros);
    caplet_packed_row(&matrix, 17, row);
    report("exact", name, columns, "all", row, columns * 4);
    packed_tiles(&matrix, x, TOKENS, sums, bits, has_zeros);
}

// Any two matrices: one chain of sums an element.
static void matrices(size_t m, size_t n, size_t k) {
    enum { MOST = 40 * 300 };
    static float left[MOST], right[MOST], out[MOST];
    seed("matrices");
    fill_floats(left, m * k, 1);
    fill_floats(right, k * n, 1);
    fill_floats(out, m * n, 1);
    caplet_matrix_product(m, n, k, 0.75f, left, k, 1, right, 1, k, 0.5f, out, n);
    report("exact", "matrix_product", k, "all", out, m * n * 4);
    caplet_matrix_product(m, n, k, 1, left, 1, m, right, n, 1, 0, out, n);
    report("exact", "matrix_product.transposed", k, "all", out, m * n * 4);
}

static void stream(int bits) {
    enum { VECTORS = 3, MOST = VECTORS * 512 };
    static uint8_t codes[MOST], zeros[MOST];
    static uint32_t words[VECTORS * 16];
    static float out[MOST], scales[MOST];
    size_t count = VECTORS * caplet_stream_vector(bits);
    seed("stream");
    fill_bits(codes, sizeof codes);
    fill_bits(zeros, sizeof zeros);
    fill_floats(scales, MOST, 0.3f);
    uint32_t histogram[384] = {0};
    caplet_packed_histogram(codes, bits % 2, count, histogram);
    report("exact", "packed_histogram", (size_t)bits, "all", histogram, sizeof histogram);
    memset(words, 0, sizeof words);
    caplet_stream_encode(codes, 1, count, bits, 3, words);
    report("exact", "stream_encode", (size_t)bits, "all", words, sizeof words);
    caplet_stream_decode(words, VECTORS, bits, 3, out);
    report("exact", "stream_decode", (size_t)bits, "all", out, count * 4);
    caplet_scale_groups(out, 5, count - 5, 37, scales, bits % 2 ? zeros : NULL);
    report("exact", "scale_groups", (size_t)bits, "all", out, count * 4);
}

// The same sums in tiles: lines of the same names, so that bits are the same.
static void stored_tiles(const void *weights, caplet_scale_kind kind, const char *name, size_t rows, size_t columns, const float *x,
                         size_t tokens) {
    float *tiled = tiles_and_room(caplet_tiled_inputs_count(tokens, columns), caplet_tiled_room(columns));
    float *room = tiled + caplet_tiled_inputs_count(tokens, columns), *y = tiles_and_room(tokens * rows, 0);
    caplet_tile_inputs(x, tokens, columns, tiled);
    memset(y, 0, tokens * rows * sizeof(float));
    switch (kind) {
    case CAPLET_SCALE_F32: caplet_tiled_product_f32(weights, rows, columns, tiled, tokens, y, rows, room); break;
    case CAPLET_SCALE_BF16: caplet_tiled_product_bf16(weights, rows, columns, tiled, tokens, y, rows, room); break;
    case CAPLET_SCALE_F16: caplet_tiled_product_f16(weights, rows, columns, tiled, tokens, y, rows, room); break;
    }
    report("exact", name, columns, "tiles", y, tokens * rows * 4);
    free(tiled);
    free(y);
}

static void stored(size_t columns) {
    enum { ROWS = 7, TOKENS = 6, MOST = 300 };
    static float weights[ROWS * MOST], x[TOKENS * MOST], y[TOKENS * ROWS];
    static uint16_t halves[ROWS * MOST];
    seed("stored");
    fill_floats(weights, ROWS * columns, 0.05f);
    fill_floats(x, TOKENS * columns, 3);
    memset(y, 0, sizeof y);
    caplet_rows_product_f32(weights, ROWS, columns, x, columns, TOKENS, y, ROWS);
    report("exact", "rows_product_f32", columns, "all", y, sizeof y);
    stored_tiles(weights, CAPLET_SCALE_F32, "rows_product_f32", ROWS, columns, x, TOKENS);
    caplet_bf16_from_f32(weights, halves, ROWS * columns);
    memset(y, 0, sizeof y);
    caplet_rows_product_bf16(halves, ROWS, columns, x, columns, TOKENS, y, ROWS);
    report("exact", "rows_product_bf16", columns, "all", y, sizeof y);
    stored_tiles(halves, CAPLET_SCALE_BF16, "rows_product_bf16", ROWS, columns, x, TOKENS);
    caplet_f16_from_f32(weights, halves, ROWS * columns);
    memset(y, 0, sizeof y);
    caplet_rows_product_f16(halves, ROWS, columns, x, columns, TOKENS, y, ROWS);
    report("exact", "rows_product_f16", columns, "all", y, sizeof y);
    stored_tiles(halves, CAPLET_SCALE_F16, "rows_product_f16", ROWS, columns, x, TOKENS);
}

static void sparse(size_t columns) {
    enum { ROWS = 9, TOKENS = 3, MOST = 300 };
    static float matrix[ROWS * MOST], values[ROWS * MOST + 16], x[TOKENS * MOST], turned[TOKENS * MOST], y[TOKENS * ROWS], out[MOST];
    static uint64_t words[ROWS * 5];
    size_t words_per_row = (columns + 63) / 64, count = 0, used = 0;
    seed("sparse");
    for (size_t i = 0; i < ROWS * columns; i++) matrix[i] = next_word() % 3 ? 0 : next_float();
    for (size_t row = 0; row < ROWS; row++) {
        used += caplet_sparse_pattern_row(matrix + row * columns, words + row * words_per_row, columns);
        count += caplet_sparse_gather_row(words + row * words_per_row, matrix + row * columns, values + count, columns);
    }
    report("exact", "sparse_pattern_row", columns, "all", words, ROWS * words_per_row * 8);
    report("exact", "sparse_gather_row", columns, "all", values, count * 4);
    size_t bits = caplet_set_bits(words, ROWS * words_per_row) + used;
    report("exact", "set_bits", columns, "all", &bits, sizeof bits);
    caplet_sparse_expand_row(words, values, out, columns);
    report("exact", "sparse_expand_row", columns, "all", out, columns * 4);
    fill_floats(x, TOKENS * columns, 1);
    for (int level = 0; level <= (int)caplet_packed_level(); level++) {
        memset(y, 0, sizeof y);
        caplet_sparse_rows_product((caplet_vector_level)level, words, words_per_row, values, ROWS, columns, x, columns, TOKENS, y, ROWS);
        report("exact", "sparse_rows_product", columns, PATHS[level], y, sizeof y);
    }
    for (size_t t = 0; t < TOKENS; t++) {
        for (size_t c = 0; c < columns; c++) turned[c * TOKENS + t] = x[t * columns + c];
    }
    memset(y, 0, sizeof y);
    caplet_sparse_product(words, words_per_row, values, ROWS, columns, turned, y, TOKENS);
    report("rounded", "sparse_product", columns, "all", y, sizeof y);
}

void run_products(void) {
    matrices(9, 37, 20);
    matrices(33, 35, 290);
    static const size_t columns[] = {1, 27, 64, 257, 300};
    for (int bits = 1; bits <= 8; bits++) {
        packed(bits, 64, 64, CAPLET_SCALE_F32, 0);
        packed(bits, 700, 64, CAPLET_SCALE_F16, 0);
        packed(bits, 333, 50, CAPLET_SCALE_BF16, 0);
        if (bits > 1) packed(bits, 333, 128, CAPLET_SCALE_F16, 1);
        stream(bits);
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        stored(columns[i]);
        sparse(columns[i]);
    }
}
