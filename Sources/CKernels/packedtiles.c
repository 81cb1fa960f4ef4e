#include "dispatch.h"
#include "packed.h"
#include "storedlanes.h"

// Products of packed codes with many tokens: codes become floats once for all of them. Sums have the order of packed.h: code d of a word
// goes to accumulator d % 4, these are added as (0 + 1) + (2 + 3), and the escapes of a group are summed apart.
enum { TOKENS = CAPLET_PACKED_TILE, DEPTH = 256, PARTS = 4 };

typedef struct {
    // Of each tile of tokens: sums of each accumulator, [PARTS, TOKENS, lanes], and of escapes, [lanes, TOKENS].
    float sums[PARTS][TOKENS][PACKED_ROWS];
    float rare[PACKED_ROWS][TOKENS];
    // What is in y, of the rows of a block: rows of y are far apart.
    float totals[TOKENS][PACKED_ROWS];
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

// Codes are taken run by run, of consecutive codes of which the first goes to accumulator 0 and each to the one after that of the code
// before: those of a word, or those at the top of the words of a bundle. A last, broken bundle has none of the latter. Where a word has a
// multiple of four codes and no bits are left, all codes are one run.
CAPLET_SUM_INLINE size_t run_end(size_t start, size_t count, const int bits) {
    const size_t digits = (size_t)digits_of(bits), codes = (size_t)bundle_codes(bits), spares = (size_t)bundle_words(bits) * digits;
    if (digits % PARTS == 0 && spare_of(bits) == 0) return count;
    size_t first = start / codes * codes, place = start - first, end;
    if (count - first >= codes && place >= spares) {
        end = first + codes;
    } else {
        end = start + digits;
    }
    return end < count ? end : count;
}

// Adds the codes of one accumulator.
CAPLET_SUM_INLINE void add_part(const float *values, const float *x, size_t count, const int part, const int bits, int is_first,
                                float sums[TOKENS][PACKED_ROWS], const int tokens) {
    sum_lanes own[TOKENS];
    for (int t = 0; t < tokens; t++) own[t] = is_first ? (sum_lanes)0 : load_lanes(sums[t]);
    for (size_t start = 0, end; start < count; start = end) {
        end = run_end(start, count, bits);
        for (size_t j = start + (size_t)part; j < end; j += PARTS) {
            sum_lanes value = load_lanes(values + j * PACKED_ROWS);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) own[t] = sum_product(value, (sum_lanes)x[j * TOKENS + (size_t)t], own[t]);
        }
    }
    for (int t = 0; t < tokens; t++) memcpy(sums[t], &own[t], sizeof own[t]);
}

// As many tokens at once as the processor has registers for.
CAPLET_SUM_INLINE void add_depth(const float *values, const float *x, size_t count, const int bits, int is_first, tile_state *state,
                                 size_t tokens, int has_wide_vectors) {
    for (int part = 0; part < PARTS; part++) {
        if (has_wide_vectors && tokens > TOKENS / 2) {
            add_part(values, x, count, part, bits, is_first, state->sums[part], TOKENS);
            continue;
        }
        for (size_t t = 0; t < tokens; t += 4) add_part(values, x + t, count, part, bits, is_first, state->sums[part] + t, 4);
    }
}

// The sums of a group that is decoded at once, all accumulators in registers.
CAPLET_SUM_INLINE void add_short(const float *values, const float *x, size_t count, const int bits, float sums[TOKENS][PACKED_ROWS],
                                 const int tokens) {
    sum_lanes own[PARTS][4];
    for (int p = 0; p < PARTS; p++) {
        for (int t = 0; t < tokens; t++) own[p][t] = 0;
    }
    for (size_t start = 0, end; start < count; start = end) {
        end = run_end(start, count, bits);
        for (size_t j = start; j < end; j += PARTS) {
#pragma clang loop unroll(full)
            for (size_t p = 0; p < PARTS; p++) {
                if (j + p >= end) break;
                sum_lanes value = load_lanes(values + (j + p) * PACKED_ROWS);
#pragma clang loop unroll(full)
                for (int t = 0; t < tokens; t++) {
                    own[p][t] = sum_product(value, (sum_lanes)x[(j + p) * TOKENS + (size_t)t], own[p][t]);
                }
            }
        }
    }
    for (int t = 0; t < tokens; t++) {
        sum_lanes sum = (own[0][t] + own[1][t]) + (own[2][t] + own[3][t]);
        memcpy(sums[t], &sum, sizeof sum);
    }
}

// The sums of a group's codes, in `sums[0]` of each tile.
CAPLET_SUM_INLINE void add_group(const uint32_t *words, size_t count, const float *x, size_t columns, size_t tokens, float *values,
                                 tile_state *states, const int bits) {
    const int has_wide_vectors = caplet_has_wide_vectors();
    for (size_t first = 0; first < count; first += DEPTH) {
        size_t some = count - first < DEPTH ? count - first : DEPTH;
        decode(words + packed_words(first, bits) * PACKED_ROWS, some, values, bits);
        for (size_t tile = 0; tile < tiles_of(tokens); tile++) {
            size_t left = tokens - tile * TOKENS < TOKENS ? tokens - tile * TOKENS : TOKENS;
            const float *from = x + (tile * columns + first) * TOKENS;
            tile_state *state = states + tile;
            if (count > DEPTH) {
                add_depth(values, from, some, bits, first == 0, state, left, has_wide_vectors);
            } else if (has_wide_vectors) {
                for (size_t t = 0; t < left; t += 4) add_short(values, from + t, some, bits, state->sums[0] + t, 4);
            } else {
                for (size_t t = 0; t < left; t++) add_short(values, from + t, some, bits, state->sums[0] + t, 1);
            }
        }
    }
    if (count <= DEPTH) return;
    for (size_t tile = 0; tile < tiles_of(tokens); tile++) {
        tile_state *state = states + tile;
        for (size_t t = 0; t < TOKENS; t++) {
            sum_lanes sum = (load_lanes(state->sums[0][t]) + load_lanes(state->sums[1][t]))
                + (load_lanes(state->sums[2][t]) + load_lanes(state->sums[3][t]));
            memcpy(state->sums[0][t], &sum, sizeof sum);
        }
    }
}

// Takes the totals of a block's rows from y, or puts them there.
static void move_totals(tile_state *states, size_t tokens, size_t lanes, float *y, size_t y_stride, int from_y) {
    for (size_t t = 0; t < tokens; t++) {
        float *total = states[t / TOKENS].totals[t % TOKENS], *out = y + t * y_stride;
        memcpy(from_y ? total : out, from_y ? out : total, lanes * sizeof(float));
    }
}

static void clear_escapes(tile_state *states, size_t tiles) {
    for (size_t tile = 0; tile < tiles; tile++) memset(states[tile].rare, 0, sizeof states[tile].rare);
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

typedef struct {
    sum_lanes scale, offset;
    const float *group_sums;  // [tokens, groups] from this group on, or null
    size_t groups;
    int has_escapes;
} group_end;

// totals += scale * (sums of digits + escapes + offset * sum of x) of one group, for the tokens of a tile.
CAPLET_SUM_INLINE void finish_group(const group_end *end, size_t first, tile_state *state, size_t tokens) {
    float by_token[TOKENS][PACKED_ROWS];
    if (end->has_escapes) {
        for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
            for (size_t t = 0; t < TOKENS; t++) by_token[t][lane] = state->rare[lane][t];
        }
    }
    for (size_t t = 0; t < tokens; t++) {
        sum_lanes sum = load_lanes(state->sums[0][t]) + (end->has_escapes ? load_lanes(by_token[t]) : (sum_lanes)0);
        if (end->group_sums) sum = sum_product(end->offset, (sum_lanes)end->group_sums[(first + t) * end->groups], sum);
        sum_lanes total = sum_product(end->scale, sum, load_lanes(state->totals[t]));
        memcpy(state->totals[t], &total, sizeof total);
    }
}

CAPLET_SUM_INLINE group_end group_end_of(const caplet_packed_matrix *m, size_t block, size_t group, const float *group_sums) {
    size_t index = (block * m->groups + group) * PACKED_ROWS;
    group_end end = {.group_sums = group_sums ? group_sums + group : NULL, .groups = m->groups};
    const size_t width = m->scale_kind == CAPLET_SCALE_F32 ? 4 : 2;
    end.scale = widened((const uint8_t *)m->scales + index * width, m->scale_kind, 16);
    if (!group_sums) return end;
    for (size_t lane = 0; lane < PACKED_ROWS; lane++) {
        end.offset[lane] = (float)(m->centers[block] - (m->zeros ? m->zeros[index + lane] : 0));
    }
    return end;
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
    size_t segments = segments_of(m), tiles = tiles_of(tokens);
    tile_state *states = (tile_state *)(room + DEPTH * PACKED_ROWS);
    for (size_t block = first; block < last; block++) {
        int bits = m->widths[block];
        size_t row = block * PACKED_ROWS, lanes = m->rows - row < PACKED_ROWS ? m->rows - row : PACKED_ROWS;
        const uint32_t *words = m->words + m->starts[block], *escapes = m->escape_starts + block * segments;
        escape_place place = {0, escapes[0]};
        int had_escapes = 1;
        move_totals(states, tokens, lanes, y + row, y_stride, 1);
        for (size_t group = 0; group < m->groups; group++) {
            size_t start = group * m->group_size;
            size_t count = m->columns - start < m->group_size ? m->columns - start : m->group_size;
            group_end end = group_end_of(m, block, group, group_sums);
            size_t escaped = place.escape;
            if (had_escapes) clear_escapes(states, tiles);
            place = sum_escapes_of_tiles(m, escapes, segments, place, start + count, tiled, tiles, states);
            had_escapes = end.has_escapes = place.escape != escaped;
            add_group_of_bits(words, bits, count, tiled + start * TOKENS, m->columns, tokens, room, states);
            for (size_t tile = 0; tile < tiles; tile++) {
                size_t before = tile * TOKENS, some = tokens - before < TOKENS ? tokens - before : TOKENS;
                finish_group(&end, before, states + tile, some);
            }
            words += packed_words(count, bits) * PACKED_ROWS;
        }
        move_totals(states, tokens, lanes, y + row, y_stride, 0);
    }
}
