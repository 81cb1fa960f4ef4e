#include "CKernels.h"
#include "dispatch.h"

#include <string.h>

size_t caplet_sparse_expand_row(const uint64_t *words, const float *values, float *out, size_t columns) {
    const float *next = values;
    memset(out, 0, columns * sizeof(float));
    for (size_t w = 0; w * 64 < columns; w++) {
        uint64_t bits = words[w];
        float *base = out + w * 64;
        while (bits) {
            base[__builtin_ctzll(bits)] = *next++;
            bits &= bits - 1;
        }
    }
    return (size_t)(next - values);
}

CAPLET_KERNEL(size_t, caplet_sparse_pattern_row, (const float *in, uint64_t *words, size_t columns), (in, words, columns)) {
    size_t count = 0;
    for (size_t w = 0; w * 64 < columns; w++) {
        size_t width = columns - w * 64 < 64 ? columns - w * 64 : 64;
        const float *from = in + w * 64;
        uint64_t bits = 0;
        for (size_t j = 0; j < width; j++) bits |= (uint64_t)(from[j] != 0) << j;
        words[w] = bits;
        count += (size_t)__builtin_popcountll(bits);
    }
    return count;
}

size_t caplet_sparse_gather_row(const uint64_t *words, const float *in, float *values, size_t columns) {
    float *next = values;
    for (size_t w = 0; w * 64 < columns; w++) {
        for (uint64_t bits = words[w]; bits; bits &= bits - 1) *next++ = in[w * 64 + (size_t)__builtin_ctzll(bits)];
    }
    return (size_t)(next - values);
}

CAPLET_INLINE void add_scaled(float scale, const float *x, float *y, size_t tokens) {
    for (size_t t = 0; t < tokens; t++) y[t] += scale * x[t];
}

CAPLET_KERNEL(
    void, caplet_sparse_product,
    (const uint64_t *words, size_t words_per_row, const float *values, size_t rows, size_t columns, const float *x, float *y,
     size_t tokens),
    (words, words_per_row, values, rows, columns, x, y, tokens)
) {
    (void)columns;
    for (size_t i = 0; i < rows; i++) {
        const uint64_t *row = words + i * words_per_row;
        for (size_t w = 0; w < words_per_row; w++) {
            uint64_t bits = row[w];
            while (bits) {
                size_t j = w * 64 + (size_t)__builtin_ctzll(bits);
                add_scaled(*values++, x + j * tokens, y + i * tokens, tokens);
                bits &= bits - 1;
            }
        }
    }
}
