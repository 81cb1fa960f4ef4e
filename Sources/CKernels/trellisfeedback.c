#include "CKernels.h"
#include "dispatch.h"
#include "lanes.h"

#include <math.h>
#include <string.h>

// Dependent quantisation (Schwarz et al. 2021, IEEE TCSVT 31(10), as in ISO/IEC 15938-17) inside error feedback: of the ways of levels that
// end in each state of the trellis the cheapest is kept, each with the values that its own errors were fed forward into.

enum { STATES = CAPLET_TRELLIS_STATES, MOST_COLUMNS = CAPLET_TRELLIS_COLUMNS, INDICES = CAPLET_TRELLIS_INDICES };

typedef struct {
    float cost, level;
    uint8_t from;
} branch;

// Of each state, side by side.
typedef struct {
    lanes cost, level;
} branches;

CAPLET_INLINE lanes lengths_of(const float *const *bits, integer_lanes index) {
    lanes made;
    for (int s = 0; s < STATES; s++) made[s] = bits[s][index[s]];
    return made;
}

// 1 where a state's quantiser is the second.
static const lanes SECOND = {0, 0, 1, 1, 0, 0, 1, 1};

// The cheapest level of each state's quantiser whose index has a parity, for values of magnitudes in steps: of the nearest, the next one towards
// zero and zero.
CAPLET_INLINE branches cheapest(lanes size, float parity, const float *const *bits, float lambda, lanes cost) {
    // Indices that a byte holds the levels of: 62 and 63 of the first quantiser, 64 and 63 of the second.
    lanes most = parity != 0 ? lanes_of(INDICES - 2) : INDICES - 3 + 2 * SECOND;
    lanes high = least(2 * nearest(((size + SECOND) * 0.5f - parity) * 0.5f) + parity, most);
    branches best = {lanes_of(INFINITY), lanes_of(0)};
    for (int turn = 0; turn < 3; turn++) {
        lanes index = turn == 0 ? high : turn == 1 ? greatest(high - 2, lanes_of(parity)) : lanes_of(0);
        if (turn == 2 && parity != 0) break;
        lanes level = index > 0 ? 2 * index - SECOND : lanes_of(0), rest = size - level;
        lanes total = cost + rest * rest + lambda * lengths_of(bits, __builtin_convertvector(index, integer_lanes));
        best.level = total < best.cost ? level : best.level;
        best.cost = least(total, best.cost);
    }
    return best;
}

CAPLET_KERNEL(
    int, caplet_quantize_trellis,
    (float *values, const float *steps, size_t width, const float *factor, size_t stride, const float *lengths, const uint8_t *classes,
     float lambda, int state, int8_t *codes, float *errors),
    (values, steps, width, factor, stride, lengths, classes, lambda, state, codes, errors)
) {
    static const float none[INDICES];
    // Of each state: what is left of the values, and the same after the next column.
    float rests[2][STATES][MOST_COLUMNS], costs[STATES];
    float made[MOST_COLUMNS][STATES];
    int8_t levels[MOST_COLUMNS][STATES];
    uint8_t from[MOST_COLUMNS][STATES];
    if (width > MOST_COLUMNS) width = MOST_COLUMNS;
    for (int s = 0; s < STATES; s++) costs[s] = s == state ? 0 : INFINITY;
    // States that nothing leads to yet are read beside the others.
    memset(rests, 0, sizeof rests);
    memcpy(rests[0][state], values, width * sizeof *values);
    int now = 0;
    for (size_t j = 0; j < width; j++) {
        lanes x, cost;
        const float *bits[STATES];
        for (int s = 0; s < STATES; s++) {
            x[s] = rests[now][s][j];
            cost[s] = costs[s];
            bits[s] = lengths ? lengths + ((size_t)(s >> 1 & 1) * CAPLET_TRELLIS_CLASSES + classes[j]) * INDICES : none;
        }
        float step = steps[j];
        x /= step;
        // What is not a number has index 0; what is beyond all levels a cost that is a number.
        lanes size = x == x ? least(magnitude(x), lanes_of(1e6f)) : lanes_of(0);
        branches found[2] = {
            cheapest(size, 0, bits, lengths ? lambda : 0, cost), cheapest(size, 1, bits, lengths ? lambda : 0, cost),
        };
        branch best[STATES];
        for (int s = 0; s < STATES; s++) {
            // Two states lead to each, with the parities that make the lowest bit.
            int one = s >> 1, two = one + STATES / 2;
            int first = (s ^ __builtin_popcount((unsigned)one)) & 1, second = (s ^ __builtin_popcount((unsigned)two)) & 1;
            int from = found[second].cost[two] < found[first].cost[one] ? two : one, parity = from == two ? second : first;
            float level = found[parity].level[from];
            best[s] = (branch){found[parity].cost[from], x[from] < 0 ? -level : level, (uint8_t)from};
        }
        float lowest = INFINITY;
        for (int s = 0; s < STATES; s++) lowest = best[s].cost < lowest ? best[s].cost : lowest;
        const float *row = factor ? factor + j * stride : 0;
        for (int s = 0; s < STATES; s++) {
            // Costs from the least on, so that a long row loses no precision.
            costs[s] = best[s].cost - lowest;
            if (!(best[s].cost < INFINITY)) {
                costs[s] = INFINITY;
                continue;
            }
            const float *before = rests[now][best[s].from];
            float *after = rests[!now][s], error = before[j] - step * best[s].level;
            if (row) {
                error /= row[j];
                for (size_t k = j + 1; k < width; k++) after[k] = before[k] - error * row[k];
            } else {
                memcpy(after + j + 1, before + j + 1, (width - j - 1) * sizeof *after);
            }
            made[j][s] = error;
            levels[j][s] = (int8_t)best[s].level;
            from[j][s] = best[s].from;
        }
        now = !now;
    }
    int last = 0;
    for (int s = 1; s < STATES; s++) {
        if (costs[s] < costs[last]) last = s;
    }
    int s = width ? last : state;
    for (size_t j = width; j-- > 0;) {
        codes[j] = levels[j][s];
        errors[j] = made[j][s];
        s = from[j][s];
    }
    return width ? last : state;
}

void caplet_count_indices(const int8_t *codes, const uint8_t *classes, size_t count, size_t columns, uint32_t *counts) {
    for (size_t start = 0; start < count; start += columns) {
        size_t width = columns < count - start ? columns : count - start;
        int state = 0;
        for (size_t j = start; j < start + width; j++) {
            int index = (codes[j] < 0 ? 1 - codes[j] : codes[j] + 1) / 2;
            if (index > INDICES - 1) index = INDICES - 1;
            counts[((size_t)(state >> 1 & 1) * CAPLET_TRELLIS_CLASSES + classes[j]) * INDICES + (size_t)index]++;
            state = (2 * state & (STATES - 1)) | ((index ^ __builtin_popcount((unsigned)state)) & 1);
        }
    }
}
