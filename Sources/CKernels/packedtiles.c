#include "dispatch.h"
#include "packed.h"
#include "sums.h"

// Products of packed codes with many tokens: codes become floats once for all of them. Sums have the order of packed.h: code d of a word
// goes to accumulator d % 4, these are added as (0 + 1) + (2 + 3), and the escapes of a group are summed apart.
enum { TOKENS = CAPLET_PACKED_TILE, DEPTH = 256, PARTS = 4 };

typedef struct {
    // Of each tile of tokens: sums of each accumulator, [PARTS, TOKENS, lanes], and of escapes, [lanes, TOKENS].
    float sums[PARTS][TOKENS][PACKED_ROWS];
    float rare[PACKED_ROWS][TOKENS];
} tile_state;

static size_t tiles_of(size_t tokens) { return (tokens + TOKENS - 1) / TOKENS; }

size_t caplet_packed_tiles_count(size_t tokens, size_t columns) { return tiles_of(tokens) * TOKENS * columns; }

size_t caplet_packed_tiles_room(size_t tokens) {
    return DEPTH * PACKED_ROWS + tiles_of(tokens) * sizeof(tile_state) / sizeof(float);
}

void caplet_packed_tile_inputs(const float *x, size_t tokens, size_t columns, const float *column_scales, float *tiled) {
    for (size_t first = 0; first < tokens; first += TOKENS) {
        for (size_t c = 0; c < columns; c++, tiled += TOKENS) {
            for (size_t t = 0; t < TOKENS; t++) {
                float value = first + t < tokens ? x[(first + t) * columns + c] : 0;
                tiled[t] = column_scales ? value * column_scales[c] : value;
            }
        }
    }
}

CAPLET_SUM_INLINE void put_codes(word_lanes words, int place, int bits, float *out) {
    typedef int32_t integer_lanes __attribute__((ext_vector_type(16)));
    word_lanes digits = words >> (uint32_t)place & (uint32_t)((1u << bits) - 1);
    sum_lanes values = __builtin_convertvector(__builtin_convertvector(digits, integer_lanes) - bias_of(bits), sum_lanes);
    memcpy(out, &values, sizeof values);
}

// `count` codes of the 16 rows, from the first of a bundle on, as floats [count, lanes].
CAPLET_SUM_INLINE void decode(const uint32_t *words, size_t count, float *out, const int bits) {
    const size_t digits = (size_t)digits_of(bits), bundle = (size_t)bundle_words(bits), codes = (size_t)bundle_codes(bits);
    const int spare = spare_of(bits);
    word_lanes word;
    for (; count >= codes; count -= codes, words += bundle * PACKED_ROWS) {
        word_lanes left = 0;
        for (size_t w = 0; w < bundle; w++) {
            memcpy(&word, words + w * PACKED_ROWS, sizeof word);
            for (size_t d = 0; d < digits; d++, out += PACKED_ROWS) put_codes(word, bits * (int)d, bits, out);
            if (spare > 0) left |= word >> (uint32_t)(32 - spare) << (uint32_t)((int)w * spare);
        }
        for (size_t d = 0; d < codes - bundle * digits; d++, out += PACKED_ROWS) put_codes(left, bits * (int)d, bits, out);
    }
    for (size_t j = 0; j < count; j++, out += PACKED_ROWS) {
        memcpy(&word, words + j / digits * PACKED_ROWS, sizeof word);
        put_codes(word, bits * (int)(j % digits), bits, out);
    }
}

// The codes of a bundle that go to one accumulator are those that have digits `part`, `part` + 4 and so on in their words.
CAPLET_SUM_INLINE void add_codes(const float *values, const float *x, size_t count, const int part, const int bits,
                                 float sums[TOKENS][PACKED_ROWS], const int tokens) {
    const size_t digits = (size_t)digits_of(bits), codes = (size_t)bundle_codes(bits), spares = (size_t)bundle_words(bits) * digits;
    sum_lanes own[TOKENS];
    for (int t = 0; t < tokens; t++) own[t] = load_lanes(sums[t]);
    for (size_t first = 0; first < count; first += codes) {
        size_t some = count - first < codes ? count - first : codes;
        // The last, broken bundle has no codes at the top of its words.
        size_t start = 0, end;
        for (; start < some; start = end) {
            end = some == codes && start >= spares ? some : start + digits < some ? start + digits : some;
            for (size_t j = first + start + (size_t)part; j < first + end; j += PARTS) {
                sum_lanes value = load_lanes(values + j * PACKED_ROWS);
#pragma clang loop unroll(full)
                for (int t = 0; t < tokens; t++) own[t] = sum_product(value, (sum_lanes)x[j * TOKENS + (size_t)t], own[t]);
            }
        }
    }
    for (int t = 0; t < tokens; t++) memcpy(sums[t], &own[t], sizeof own[t]);
}

// As many tokens at once as the processor has registers for.
CAPLET_SUM_INLINE void add_depth(const float *values, const float *x, size_t count, const int bits, tile_state *state, size_t tokens,
                                 int has_wide_vectors) {
    for (int part = 0; part < PARTS; part++) {
        if (has_wide_vectors && tokens > TOKENS / 2) {
            add_codes(values, x, count, part, bits, state->sums[part], TOKENS);
            continue;
        }
        for (size_t t = 0; t < tokens; t += 4) add_codes(values, x + t, count, part, bits, state->sums[part] + t, 4);
    }
}

CAPLET_SUM_INLINE void add_group(const uint32_t *words, size_t count, const float *x, size_t columns, size_t tokens, float *values,
                                 tile_state *states, const int bits) {
    const int has_wide_vectors = caplet_has_wide_vectors();
    for (size_t first = 0; first < count; first += DEPTH) {
        size_t some = count - first < DEPTH ? count - first : DEPTH;
        decode(words + packed_words(first, bits) * PACKED_ROWS, some, values, bits);
        for (size_t tile = 0; tile < tiles_of(tokens); tile++) {
            size_t left = tokens - tile * TOKENS;
            add_depth(values, x + (tile * columns + first) * TOKENS, some, bits, states + tile, left < TOKENS ? left : TOKENS,
                      has_wide_vectors);
        }
    }
}

// Sums the escapes before column `end` for all tokens.
CAPLET_SUM_INLINE escape_place sum_escapes_of_tiles(const caplet_packed_matrix *m, const uint32_t *starts, size_t segments,
                                                    escape_place place, size_t end, const float *x, size_t tiles, tile_state *states) {
    for (; place.segment < segments; place.segment++) {
        size_t first = place.segment * ESCAPE_COLUMNS, last = starts[place.segment + 1], limit = end - first;
        for (; place.escape < last; place.escape++) {
            uint16_t entry = m->escapes[place.escape];
            size_t column = escape_column(entry), lane = escape_lane(entry);
            if (column >= limit) return place;
            sum_lanes difference = (sum_lanes)escape_difference(entry);
            for (size_t tile = 0; tile < tiles; tile++) {
                float *rare = states[tile].rare[lane];
                sum_lanes sum = sum_product(difference, load_lanes(x + (tile * m->columns + first + column) * TOKENS), load_lanes(rare));
                memcpy(rare, &sum, sizeof sum);
            }
        }
        if (first + ESCAPE_COLUMNS >= end) return place;
    }
    return place;
}

// y += scale * (sums of digits + escapes + offset * sum of x) of one group, for the tokens of a tile.
CAPLET_SUM_INLINE void finish_group(const caplet_packed_matrix *m, size_t block, size_t group, const float *scale, const float *group_sums,
                                    const tile_state *state, size_t tokens, size_t lanes, float *y, size_t y_stride) {
    size_t index = (block * m->groups + group) * PACKED_ROWS;
    for (size_t t = 0; t < tokens; t++) {
        sum_lanes sum = (load_lanes(state->sums[0][t]) + load_lanes(state->sums[1][t]))
            + (load_lanes(state->sums[2][t]) + load_lanes(state->sums[3][t]));
        sum_lanes rare;
        for (size_t lane = 0; lane < PACKED_ROWS; lane++) rare[lane] = state->rare[lane][t];
        sum += rare;
        if (group_sums) {
            sum_lanes offsets;
            for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
                offsets[lane] = (float)(m->centers[block] - (m->zeros ? m->zeros[index + lane] : 0));
            }
            sum = sum_product(offsets, (sum_lanes)group_sums[t * m->groups + group], sum);
        }
        float *out = y + t * y_stride;
        sum_lanes total = sum_product(load_lanes(scale), sum, load_some_lanes(out, lanes));
        memcpy(out, &total, lanes * sizeof(float));
    }
}

CAPLET_SUM_INLINE void group_scales(const caplet_packed_matrix *m, size_t index, float *out) {
    for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
        switch (m->scale_kind) {
        case CAPLET_SCALE_F32: out[lane] = ((const float *)m->scales)[index + lane]; break;
        case CAPLET_SCALE_BF16: out[lane] = float_of((uint32_t)((const uint16_t *)m->scales)[index + lane] << 16); break;
        case CAPLET_SCALE_F16: out[lane] = f32_of_f16(((const uint16_t *)m->scales)[index + lane]); break;
        }
    }
}

CAPLET_SUM_INLINE void add_group_of_bits(const uint32_t *words, int bits, size_t count, const float *x, size_t columns, size_t tokens,
                                         float *values, tile_state *states) {
    switch (bits) {
    case 1: return add_group(words, count, x, columns, tokens, values, states, 1);
    case 2: return add_group(words, count, x, columns, tokens, values, states, 2);
    case 3: return add_group(words, count, x, columns, tokens, values, states, 3);
    case 4: return add_group(words, count, x, columns, tokens, values, states, 4);
    case 5: return add_group(words, count, x, columns, tokens, values, states, 5);
    case 6: return add_group(words, count, x, columns, tokens, values, states, 6);
    case 7: return add_group(words, count, x, columns, tokens, values, states, 7);
    default: return add_group(words, count, x, columns, tokens, values, states, 8);
    }
}

CAPLET_KERNEL(
    void, caplet_packed_tiles_product,
    (const caplet_packed_matrix *m, size_t first, size_t last, const float *tiled, const float *group_sums, size_t tokens, float *y,
     size_t y_stride, float *room),
    (m, first, last, tiled, group_sums, tokens, y, y_stride, room)
) {
    float scale[PACKED_ROWS];
    size_t segments = segments_of(m), tiles = tiles_of(tokens);
    tile_state *states = (tile_state *)(room + DEPTH * PACKED_ROWS);
    for (size_t block = first; block < last; block++) {
        int bits = m->widths[block];
        size_t row = block * PACKED_ROWS, lanes = m->rows - row < PACKED_ROWS ? m->rows - row : PACKED_ROWS;
        const uint32_t *words = m->words + m->starts[block], *escapes = m->escape_starts + block * segments;
        escape_place place = {0, escapes[0]};
        for (size_t group = 0; group < m->groups; group++) {
            size_t start = group * m->group_size;
            size_t count = m->columns - start < m->group_size ? m->columns - start : m->group_size;
            memset(states, 0, tiles * sizeof *states);
            group_scales(m, (block * m->groups + group) * PACKED_ROWS, scale);
            place = sum_escapes_of_tiles(m, escapes, segments, place, start + count, tiled, tiles, states);
            add_group_of_bits(words, bits, count, tiled + start * TOKENS, m->columns, tokens, room, states);
            for (size_t tile = 0; tile < tiles; tile++) {
                size_t before = tile * TOKENS, some = tokens - before < TOKENS ? tokens - before : TOKENS;
                finish_group(m, block, group, scale, group_sums ? group_sums + before * m->groups : NULL, states + tile, some, lanes,
                             y + before * y_stride + row, y_stride);
            }
            words += packed_words(count, bits) * PACKED_ROWS;
        }
    }
}
