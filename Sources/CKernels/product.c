#include "CKernels.h"
#include "dispatch.h"
#include "sums.h"

// The same bits on every processor.
#pragma STDC FP_CONTRACT OFF

// A product of matrices whose every element is one chain of fused multiply-adds over k, in runs of DEPTH of them: the same bits on every
// processor, however the rows are shared out.
enum { COLUMNS = 2 * SUM_LANES, ROWS = 4, DEPTH = 256 };

// Columns `from` … of op(B), `depth` rows of them, side by side: panel[depth][COLUMNS], zeros where there are no more.
CAPLET_SUM_INLINE void fill_panel(
    const float *b, size_t row_stride, size_t column_stride, size_t count, size_t depth, float *panel
) {
    for (size_t p = 0; p < depth; p++) {
        for (size_t j = 0; j < COLUMNS; j++) panel[p * COLUMNS + j] = j < count ? b[p * row_stride + j * column_stride] : 0;
    }
}

// c[rows][count] += alpha · A · panel for up to ROWS rows of op(A).
CAPLET_SUM_INLINE void add_rows(
    const float *a, size_t row_stride, size_t column_stride, size_t rows, const float *panel, size_t depth, float alpha, float *c,
    size_t c_stride, size_t count
) {
    sum_lanes sums[ROWS][2];
    for (size_t i = 0; i < ROWS; i++) sums[i][0] = sums[i][1] = 0;
    for (size_t p = 0; p < depth; p++) {
        sum_lanes left = load_lanes(panel + p * COLUMNS), right = load_lanes(panel + p * COLUMNS + SUM_LANES);
        for (size_t i = 0; i < ROWS; i++) {
            sum_lanes factor = (sum_lanes)a[(i < rows ? i : 0) * row_stride + p * column_stride];
            sums[i][0] = sum_product(factor, left, sums[i][0]);
            sums[i][1] = sum_product(factor, right, sums[i][1]);
        }
    }
    for (size_t i = 0; i < rows; i++) {
        float values[COLUMNS];
        memcpy(values, sums[i], sizeof values);
        for (size_t j = 0; j < count; j++) c[i * c_stride + j] += alpha * values[j];
    }
}

CAPLET_SUM_INLINE void matrix_product(
    size_t m, size_t n, size_t k, float alpha, const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row,
    size_t b_column, float beta, float *c, size_t c_stride
) {
    float panel[DEPTH * COLUMNS];
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) c[i * c_stride + j] = beta == 0 ? 0 : beta * c[i * c_stride + j];
    }
    for (size_t start = 0; start < k; start += DEPTH) {
        size_t depth = k - start < DEPTH ? k - start : DEPTH;
        for (size_t column = 0; column < n; column += COLUMNS) {
            size_t count = n - column < COLUMNS ? n - column : COLUMNS;
            fill_panel(b + start * b_row + column * b_column, b_row, b_column, count, depth, panel);
            for (size_t row = 0; row < m; row += ROWS) {
                size_t rows = m - row < ROWS ? m - row : ROWS;
                add_rows(
                    a + row * a_row + start * a_column, a_row, a_column, rows, panel, depth, alpha, c + row * c_stride + column,
                    c_stride, count);
            }
        }
    }
}

CAPLET_KERNEL(
    void, caplet_matrix_product,
    (size_t m, size_t n, size_t k, float alpha, const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row,
     size_t b_column, float beta, float *c, size_t c_stride),
    (m, n, k, alpha, a, a_row, a_column, b, b_row, b_column, beta, c, c_stride)
) {
    matrix_product(m, n, k, alpha, a, a_row, a_column, b, b_row, b_column, beta, c, c_stride);
}
