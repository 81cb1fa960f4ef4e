#include "CKernels.h"
#include "dispatch.h"
#include "storedlanes.h"

// Products of stored rows with many tokens. Both sides lie in tiles, the lanes that go to one sum side by side, so that a tile of sums stays
// in registers. Sums have the order of storedrows.c: element c of a row goes to lane c % 16 of sum c / 16 % 4, whatever the tile.
enum { TILE_ROWS = CAPLET_TILE_ROWS, TILE_TOKENS = CAPLET_TILE_TOKENS, SUMS = 4 };

static size_t vectors_of(size_t columns) { return (columns + 15) / 16; }
static size_t vectors_of_sum(size_t columns, size_t sum) { return (vectors_of(columns) + SUMS - 1 - sum) / SUMS; }

size_t caplet_tiled_inputs_count(size_t tokens, size_t columns) {
    return (tokens + TILE_TOKENS - 1) / TILE_TOKENS * TILE_TOKENS * vectors_of(columns) * 16;
}

size_t caplet_tiled_room(size_t columns) { return TILE_ROWS * vectors_of(columns) * 16; }

CAPLET_KERNEL(
    void, caplet_tile_inputs,
    (const float *x, size_t tokens, size_t columns, float *tiled),
    (x, tokens, columns, tiled)
) {
    for (size_t first = 0; first < tokens; first += TILE_TOKENS) {
        for (size_t sum = 0; sum < SUMS; sum++) {
            for (size_t c = sum * 16; c < columns; c += SUMS * 16) {
                size_t count = columns - c < 16 ? columns - c : 16;
                for (size_t t = first; t < first + TILE_TOKENS; t++, tiled += 16) {
                    sum_lanes lanes = 0;
                    if (t < tokens) lanes = count == 16 ? load_lanes(x + t * columns + c) : load_some_lanes(x + t * columns + c, count);
                    memcpy(tiled, &lanes, sizeof lanes);
                }
            }
        }
    }
}

// Up to TILE_ROWS rows, as the inputs lie; zeros in place of rows that are not there.
CAPLET_SUM_INLINE void tile_rows(const uint8_t *from, const caplet_scale_kind kind, size_t rows, size_t columns, float *tiled) {
    const size_t width = kind == CAPLET_SCALE_F32 ? 4 : 2;
    for (size_t sum = 0; sum < SUMS; sum++) {
        for (size_t c = sum * 16; c < columns; c += SUMS * 16) {
            size_t count = columns - c < 16 ? columns - c : 16;
            for (size_t r = 0; r < TILE_ROWS; r++, tiled += 16) {
                sum_lanes lanes = 0;
                const uint8_t *row = from + (r * columns + c) * width;
                if (r < rows) lanes = count == 16 ? widened(row, kind, 16) : widened(row, kind, count);
                memcpy(tiled, &lanes, sizeof lanes);
            }
        }
    }
}

// One of the four sums of `rows` rows and `tokens` tokens of a tile, from the first of them on.
CAPLET_SUM_INLINE void tile_sum(const float *w, const float *x, size_t vectors, sum_lanes *sums, const int rows, const int tokens) {
    sum_lanes own[TILE_ROWS][TILE_TOKENS];
    for (int r = 0; r < rows; r++) {
        for (int t = 0; t < tokens; t++) own[r][t] = 0;
    }
    for (size_t v = 0; v < vectors; v++, w += TILE_ROWS * 16, x += TILE_TOKENS * 16) {
        sum_lanes weights[TILE_ROWS];
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) weights[r] = load_lanes(w + r * 16);
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            sum_lanes inputs = load_lanes(x + t * 16);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) own[r][t] = sum_product(weights[r], inputs, own[r][t]);
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int t = 0; t < tokens; t++) sums[r * TILE_TOKENS + t] = own[r][t];
    }
}

// A tile whose sums are as many as the processor has registers for.
CAPLET_SUM_INLINE void tile_sums(const float *w, const float *x, size_t vectors, sum_lanes *sums, int has_wide_vectors) {
    if (has_wide_vectors) return tile_sum(w, x, vectors, sums, TILE_ROWS, TILE_TOKENS);
    for (int r = 0; r < TILE_ROWS; r += TILE_ROWS / 2) {
        for (int t = 0; t < TILE_TOKENS; t += TILE_TOKENS / 2) {
            tile_sum(w + r * 16, x + t * 16, vectors, sums + r * TILE_TOKENS + t, TILE_ROWS / 2, TILE_TOKENS / 2);
        }
    }
}

CAPLET_SUM_INLINE void tiled_product(const uint8_t *weights, const caplet_scale_kind kind, size_t rows, size_t columns, const float *tiled,
                                     size_t tokens, float *y, size_t y_stride, float *room) {
    const size_t width = kind == CAPLET_SCALE_F32 ? 4 : 2, inputs = vectors_of(columns) * TILE_TOKENS * 16;
    const int has_wide_vectors = caplet_has_wide_vectors();
    sum_lanes sums[SUMS][TILE_ROWS * TILE_TOKENS];
    for (size_t row = 0; row < rows; row += TILE_ROWS) {
        size_t some = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
        tile_rows(weights + row * columns * width, kind, some, columns, room);
        for (size_t first = 0; first < tokens; first += TILE_TOKENS) {
            const float *w = room, *x = tiled + first / TILE_TOKENS * inputs;
            for (size_t sum = 0; sum < SUMS; sum++) {
                size_t vectors = vectors_of_sum(columns, sum);
                tile_sums(w, x, vectors, sums[sum], has_wide_vectors);
                w += vectors * TILE_ROWS * 16;
                x += vectors * TILE_TOKENS * 16;
            }
            for (size_t t = 0; t < TILE_TOKENS && first + t < tokens; t++) {
                float *out = y + (first + t) * y_stride + row;
                for (size_t r = 0; r < some; r++) {
                    size_t i = r * TILE_TOKENS + t;
                    out[r] += sum_across((sums[0][i] + sums[1][i]) + (sums[2][i] + sums[3][i]));
                }
            }
        }
    }
}

CAPLET_KERNEL(
    void, caplet_tiled_product_f32,
    (const void *weights, size_t rows, size_t columns, const float *tiled, size_t tokens, float *y, size_t y_stride, float *room),
    (weights, rows, columns, tiled, tokens, y, y_stride, room)
) {
    tiled_product(weights, CAPLET_SCALE_F32, rows, columns, tiled, tokens, y, y_stride, room);
}

CAPLET_KERNEL(
    void, caplet_tiled_product_bf16,
    (const void *weights, size_t rows, size_t columns, const float *tiled, size_t tokens, float *y, size_t y_stride, float *room),
    (weights, rows, columns, tiled, tokens, y, y_stride, room)
) {
    tiled_product(weights, CAPLET_SCALE_BF16, rows, columns, tiled, tokens, y, y_stride, room);
}

CAPLET_KERNEL(
    void, caplet_tiled_product_f16,
    (const void *weights, size_t rows, size_t columns, const float *tiled, size_t tokens, float *y, size_t y_stride, float *room),
    (weights, rows, columns, tiled, tokens, y, y_stride, room)
) {
    tiled_product(weights, CAPLET_SCALE_F16, rows, columns, tiled, tokens, y, y_stride, room);
}
