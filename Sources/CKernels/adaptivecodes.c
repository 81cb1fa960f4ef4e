#include "CKernels.h"
#include "dispatch.h"

#include <string.h>

// Codes of a matrix, by a coder of asymmetric numeral systems whose frequencies adapt (Duda 2013, arXiv 1311.2540): which of them a code has is
// what the magnitudes before it in its row and above it in its column let expect. formats/caplet/SPEC.md, "adaptive", has all of it in words.

enum {
    SYMBOLS = 16,
    OCTAVES = 12,
    CLASSES = 4 * OCTAVES,
    // Of the lowest octave of expected magnitudes, in 2^-16.
    LOWEST = 11,
    // Frequencies as the coder has them are of 15 bits; they are kept with 16 bits more.
    SCALE = 15,
    GREATEST_MEAN = 63,
};
#define TOTAL ((uint32_t)1 << 31)
#define FLOOR ((uint32_t)((1 << 16) + (1 << 10)))
#define FULL ((uint32_t)1 << SCALE)
#define LEAST_STATE ((uint32_t)1 << 16)

typedef struct {
    // Cumulative frequencies below each symbol: for either quantiser of a trellis and each class, then of escapes for each octave.
    _Alignas(64) uint32_t below[2 * CLASSES + OCTAVES][SYMBOLS];
    // Symbols seen, to 254.
    uint8_t seen[2 * CLASSES + OCTAVES];
    // Where symbols end up, to which frequencies move.
    _Alignas(64) uint32_t target[SYMBOLS][SYMBOLS];
    // 2^16 / n.
    uint32_t share[129];
    // Of the row so far, in 2^-16, and what it is multiplied by to be relative to that of all rows before.
    uint32_t row, inverse;
    uint32_t column_share;
} adaptive_model;

static void begin(adaptive_model *model, size_t columns, uint32_t *means) {
    uint64_t all = TOTAL - SYMBOLS * FLOOR;
    for (int i = 0; i < 2 * CLASSES + OCTAVES; i++) {
        // Magnitudes fall off geometrically around the mean of the class; those of escapes around 4.
        int class = i % CLASSES;
        uint64_t mean = i < 2 * CLASSES ? (uint64_t)(9 + 2 * (class & 3)) << ((class >> 2) + LOWEST - 3) : (uint64_t)4 << 16;
        uint64_t tail = all;
        for (int s = 0; s < SYMBOLS; s++) {
            model->below[i][s] = (uint32_t)s * FLOOR + (uint32_t)(all - tail);
            tail = tail * mean / (mean + (1 << 16));
        }
    }
    memset(model->seen, 0, sizeof model->seen);
    for (int s = 0; s < SYMBOLS; s++) {
        for (int i = 0; i < SYMBOLS; i++) model->target[s][i] = (uint32_t)i * FLOOR + (i > s ? (uint32_t)all : 0);
    }
    model->share[0] = 0;
    for (uint32_t n = 1; n <= 128; n++) model->share[n] = (1 << 16) / n;
    for (size_t j = 0; j < columns; j++) means[j] = 1 << 16;
}

static void begin_row(adaptive_model *model, size_t row, size_t columns, const uint32_t *means) {
    uint64_t sum = 0;
    for (size_t j = 0; j < columns; j++) sum += means[j];
    uint32_t mean = (uint32_t)(sum / columns);
    model->row = mean;
    model->inverse = (uint32_t)(((uint64_t)1 << 37) / (mean > 64 ? mean : 64));
    model->column_share = model->share[row + 2 < 64 ? row + 2 : 64];
}

// What is expected of a magnitude, as a class: four to an octave.
CAPLET_INLINE int class_of(const adaptive_model *model, uint32_t column) {
    uint64_t relative = (uint64_t)model->row * model->inverse >> 21, expected = relative * column >> 16;
    if (expected < (uint64_t)1 << LOWEST) return 0;
    int octave = 63 - __builtin_clzll(expected);
    if (octave >= LOWEST + OCTAVES) return CLASSES - 1;
    return 4 * (octave - LOWEST) + (int)(expected >> (octave - 2) & 3);
}

CAPLET_INLINE uint32_t moved(uint32_t mean, uint32_t magnitude, uint32_t share) {
    int64_t difference = (int64_t)((uint64_t)magnitude << 16) - (int64_t)mean;
    return (uint32_t)((int64_t)mean + (difference * (int64_t)share >> 16));
}

CAPLET_INLINE void learn_magnitude(adaptive_model *model, size_t j, uint32_t magnitude, uint32_t *means) {
    uint32_t bounded = magnitude < GREATEST_MEAN ? magnitude : GREATEST_MEAN;
    model->row = moved(model->row, bounded, model->share[j + 5 < 128 ? j + 5 : 128]);
    means[j] = moved(means[j], bounded, model->column_share);
}

// Sixteen side by side, spelt out, so that every compiler makes vectors of them.
typedef int32_t symbol_lanes __attribute__((ext_vector_type(SYMBOLS)));

CAPLET_INLINE void learn_symbol(adaptive_model *model, int context, int symbol) {
    int seen = model->seen[context], rate = 32 - __builtin_clz((unsigned)seen + 2);
    model->seen[context] = (uint8_t)(seen + (seen < 254));
    symbol_lanes below, target;
    memcpy(&below, model->below[context], sizeof below);
    memcpy(&target, model->target[symbol], sizeof target);
    below += (target - below) >> rate;
    memcpy(model->below[context], &below, sizeof below);
}

CAPLET_INLINE uint32_t start_of(const adaptive_model *model, int context, int symbol) { return model->below[context][symbol] >> 16; }

CAPLET_INLINE uint32_t end_of(const adaptive_model *model, int context, int symbol) {
    return symbol == SYMBOLS - 1 ? FULL : model->below[context][symbol + 1] >> 16;
}

// The symbol whose frequencies hold a number below 2^15.
CAPLET_INLINE int symbol_at(const adaptive_model *model, int context, uint32_t place) {
    // Frequencies below are less than 2^31: as signed numbers they are in the same order.
    symbol_lanes below, limit = (symbol_lanes)(int32_t)(place << 16 | 0xFFFF);
    memcpy(&below, model->below[context], sizeof below);
    symbol_lanes inside = below <= limit;
    int count = 0;
    for (int i = 0; i < SYMBOLS; i++) count -= inside[i];
    return count - 1;
}

// The states of the trellis: which quantiser a code is of, and what comes after it.
CAPLET_INLINE int quantiser_of(int state) { return state >> 1 & 1; }
CAPLET_INLINE int state_after(int state, uint32_t index) {
    return (2 * state & 7) | (int)((index ^ (uint32_t)__builtin_popcount((unsigned)state)) & 1);
}

// Bits as they are, from a buffer's end towards its beginning, the lowest of a byte first.
typedef struct {
    const uint8_t *next, *first;
    uint64_t held;
    int count;
} plain_bits;

// So many bits, at most 8; bits before the buffer's beginning are 0, and counted.
CAPLET_INLINE uint32_t take_bits(plain_bits *bits, int count) {
    while (bits->count < count) {
        if (bits->next > bits->first) bits->held |= (uint64_t)*--bits->next << bits->count;
        else return UINT32_MAX;
        bits->count += 8;
    }
    uint32_t value = (uint32_t)(bits->held & (((uint64_t)1 << count) - 1));
    bits->held >>= count;
    bits->count -= count;
    return value;
}

CAPLET_KERNEL(
    caplet_adaptive_failure, caplet_adaptive_decode,
    (const uint8_t *content, size_t size, size_t count, size_t columns, uint8_t center, int is_trellis, uint32_t *means, uint8_t *codes),
    (content, size, count, columns, center, is_trellis, means, codes)
) {
    adaptive_model model;
    if (size < 4) return CAPLET_ADAPTIVE_ENDS;
    uint32_t x = (uint32_t)content[0] | (uint32_t)content[1] << 8 | (uint32_t)content[2] << 16 | (uint32_t)content[3] << 24;
    if (x < LEAST_STATE) return CAPLET_ADAPTIVE_STATE;
    const uint8_t *next = content + 4;
    plain_bits bits = {content + size, next, 0, 0};
    begin(&model, columns, means);
    for (size_t start = 0, row = 0; start < count; start += columns, row++) {
        size_t width = columns < count - start ? columns : count - start;
        begin_row(&model, row, columns, means);
        int state = 0;
        for (size_t j = 0; j < width; j++) {
            int class = class_of(&model, means[j]), quantiser = is_trellis ? quantiser_of(state) : 0;
            int context = quantiser * CLASSES + class, symbol = 0;
            uint32_t magnitude = 0;
            for (int turn = 0; turn < 2; turn++) {
                uint32_t place = x & (FULL - 1);
                symbol = symbol_at(&model, context, place);
                uint32_t begins = start_of(&model, context, symbol);
                x = (end_of(&model, context, symbol) - begins) * (x >> SCALE) + place - begins;
                if (x < LEAST_STATE) {
                    if (bits.next - next < 2) return CAPLET_ADAPTIVE_ENDS;
                    x = x << 16 | (uint32_t)next[0] | (uint32_t)next[1] << 8;
                    next += 2;
                    bits.first = next;
                }
                learn_symbol(&model, context, symbol);
                if (turn == 0) {
                    magnitude = (uint32_t)symbol;
                    if (symbol < SYMBOLS - 1) break;
                    context = 2 * CLASSES + class / 4;
                    continue;
                }
                uint32_t low = 0;
                int extra = symbol < 4 ? 0 : symbol / 2 - 1;
                if (extra && (low = take_bits(&bits, extra)) == UINT32_MAX) return CAPLET_ADAPTIVE_ENDS;
                magnitude += symbol < 4 ? (uint32_t)symbol : ((uint32_t)(2 + (symbol & 1)) << extra) + low;
            }
            uint32_t is_negative = 0, value = is_trellis ? 2 * magnitude - (uint32_t)(magnitude && quantiser) : magnitude;
            if (magnitude && (is_negative = take_bits(&bits, 1)) == UINT32_MAX) return CAPLET_ADAPTIVE_ENDS;
            if (value > 127 + is_negative) return CAPLET_ADAPTIVE_RANGE;
            codes[start + j] = (uint8_t)(center + (is_negative ? 0 - value : value));
            learn_magnitude(&model, j, magnitude, means);
            state = state_after(state, magnitude);
        }
    }
    if (x != LEAST_STATE || bits.next != next || bits.held != 0) return CAPLET_ADAPTIVE_STATE;
    return CAPLET_ADAPTIVE_SOUND;
}

// The coder takes steps in the opposite order of the decoder: they are written down first, as a start and a frequency.
CAPLET_INLINE uint32_t step_of(const adaptive_model *model, int context, int symbol) {
    uint32_t start = start_of(model, context, symbol);
    return start << 16 | (end_of(model, context, symbol) - start);
}

typedef struct {
    uint8_t *next;
    uint32_t held;
    int count;
} plain_writer;

CAPLET_INLINE void put_bits(plain_writer *bits, uint32_t value, int count) {
    bits->held |= value << bits->count;
    bits->count += count;
    while (bits->count >= 8) {
        *bits->next++ = (uint8_t)bits->held;
        bits->held >>= 8;
        bits->count -= 8;
    }
}

int caplet_is_on_trellis(const uint8_t *codes, size_t count, size_t columns, uint8_t center) {
    for (size_t start = 0; start < count; start += columns) {
        size_t width = columns < count - start ? columns : count - start;
        int state = 0;
        for (size_t j = 0; j < width; j++) {
            int difference = (int8_t)(uint8_t)(codes[start + j] - center);
            uint32_t magnitude = (uint32_t)(difference < 0 ? -difference : difference);
            if (magnitude && (int)(magnitude & 1) != quantiser_of(state)) return 0;
            state = state_after(state, (magnitude + 1) / 2);
        }
    }
    return 1;
}

CAPLET_INLINE void turn_round(uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        uint8_t byte = bytes[i];
        bytes[i] = bytes[count - 1 - i];
        bytes[count - 1 - i] = byte;
    }
}

CAPLET_KERNEL(
    size_t, caplet_adaptive_encode,
    (const uint8_t *codes, size_t count, size_t columns, uint8_t center, int is_trellis, uint32_t *means, uint32_t *steps, uint8_t *out),
    (codes, count, columns, center, is_trellis, means, steps, out)
) {
    adaptive_model model;
    size_t made = 0;
    // Bits as they are wait at the beginning of out; the coder's words grow from its end.
    plain_writer bits = {out, 0, 0};
    begin(&model, columns, means);
    for (size_t start = 0, row = 0; start < count; start += columns, row++) {
        size_t width = columns < count - start ? columns : count - start;
        begin_row(&model, row, columns, means);
        int state = 0;
        for (size_t j = 0; j < width; j++) {
            int difference = (int8_t)(uint8_t)(codes[start + j] - center), quantiser = is_trellis ? quantiser_of(state) : 0;
            uint32_t magnitude = (uint32_t)(difference < 0 ? -difference : difference);
            if (is_trellis) {
                if (magnitude && (magnitude & 1) != (uint32_t)quantiser) return 0;
                magnitude = (magnitude + 1) / 2;
            }
            int class = class_of(&model, means[j]), context = quantiser * CLASSES + class;
            int symbol = magnitude < SYMBOLS - 1 ? (int)magnitude : SYMBOLS - 1;
            steps[made++] = step_of(&model, context, symbol);
            learn_symbol(&model, context, symbol);
            if (symbol == SYMBOLS - 1) {
                uint32_t rest = magnitude - (SYMBOLS - 1);
                int extra = rest < 4 ? 0 : 30 - __builtin_clz(rest);
                symbol = rest < 4 ? (int)rest : 2 * (extra + 1) + (int)(rest >> extra & 1);
                context = 2 * CLASSES + class / 4;
                steps[made++] = step_of(&model, context, symbol);
                learn_symbol(&model, context, symbol);
                if (extra) put_bits(&bits, rest & ((1u << extra) - 1), extra);
            }
            if (magnitude) put_bits(&bits, difference < 0, 1);
            learn_magnitude(&model, j, magnitude, means);
            state = state_after(state, magnitude);
        }
    }
    if (bits.count) put_bits(&bits, 0, 8 - bits.count);
    size_t plain = (size_t)(bits.next - out);
    uint8_t *end = out + CAPLET_ADAPTIVE_ROOM(count), *word = end;
    uint32_t x = LEAST_STATE;
    while (made) {
        uint32_t step = steps[--made], frequency = step & 0xFFFF, begins = step >> 16;
        if ((uint64_t)x >= (uint64_t)frequency << 17) {
            word -= 2;
            word[0] = (uint8_t)x;
            word[1] = (uint8_t)(x >> 8);
            x >>= 16;
        }
        x = ((x / frequency) << SCALE) + x % frequency + begins;
    }
    word -= 4;
    for (int i = 0; i < 4; i++) word[i] = (uint8_t)(x >> 8 * i);
    // Words first, then the bits from the last byte to the first: all of it the other way round, then the words once more.
    size_t words = (size_t)(end - word);
    memmove(out + plain, word, words);
    turn_round(out + plain, words);
    turn_round(out, plain + words);
    return plain + words;
}
