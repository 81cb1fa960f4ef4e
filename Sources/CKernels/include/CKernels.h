#ifndef CAPLET_KERNELS_H
#define CAPLET_KERNELS_H

#include <stddef.h>
#include <stdint.h>

// Hot loops with run-time dispatch on the processor. Counts are elements; nothing here allocates,
// checks bounds or keeps state: the callers in Swift do. No pointer may be null unless count is 0.

// --- cast.c: dtype casts. To a narrower type: round to nearest, ties to even; NaN stays NaN. ---
void caplet_f32_from_bf16(const uint16_t *in, float *out, size_t count);
void caplet_bf16_from_f32(const float *in, uint16_t *out, size_t count);
/// 8-bit floats: E4M3 has no infinities and one NaN a sign, E5M2 is the upper half of F16. Rounded to nearest even; what is too
/// large becomes NaN in E4M3 and infinity in E5M2.
void caplet_f32_from_f8e4m3(const uint8_t *in, float *out, size_t count);
void caplet_f32_from_f8e5m2(const uint8_t *in, float *out, size_t count);
void caplet_f8e4m3_from_f32(const float *in, uint8_t *out, size_t count);
void caplet_f8e5m2_from_f32(const float *in, uint8_t *out, size_t count);
void caplet_f32_from_f16(const uint16_t *in, float *out, size_t count);
void caplet_f16_from_f32(const float *in, uint16_t *out, size_t count);
// 1 when any of the 16- or 32-bit words, at any address, has all bits of an exponent set: NaN or infinite.
int caplet_has_exponent_16(const void *words, uint16_t exponent, size_t count);
int caplet_has_exponent_32(const void *words, uint32_t exponent, size_t count);

// --- blocks.c: ggml block codecs. count is a multiple of the block's 32 elements. ---
// Q8_0: 2 bytes of f16 scale, then 32 int8 codes. Splits blocks into codes and scales, and back.
void caplet_q8_0_split(const uint8_t *blocks, int8_t *codes, uint16_t *scales, size_t count);
void caplet_q8_0_join(const int8_t *codes, const uint16_t *scales, uint8_t *blocks, size_t count);
// As ggml's quantize_row_q8_0_ref: scale max|x|/127 kept as f16, codes by roundf(x / scale).
void caplet_q8_0_encode(const float *in, int8_t *codes, uint16_t *scales, size_t count);

// The codecs below take whole blocks as they are in a file, at any address. A decoder's floats are those of gguf-py's
// dequantize, bit for bit: each product and sum rounded on its own. count is a multiple of the block's elements.

// --- linearblocks.c: 32 elements, scale * (code - 8 or 16), or scale * code + minimum; halves, then fifth bits, then nibbles. ---
void caplet_q4_0_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_q4_1_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_q5_0_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_q5_1_decode(const uint8_t *blocks, float *out, size_t count);
// As ggml's quantize_row_*_ref. Elements are finite; a scale or minimum too large for a half becomes infinite.
void caplet_q4_0_encode(const float *in, uint8_t *blocks, size_t count);
void caplet_q4_1_encode(const float *in, uint8_t *blocks, size_t count);
void caplet_q5_0_encode(const float *in, uint8_t *blocks, size_t count);
void caplet_q5_1_encode(const float *in, uint8_t *blocks, size_t count);

// --- kblocks.c: 256 elements, in sub-blocks whose scales and minima are 4- to 8-bit integers under halves. ---
void caplet_q2_k_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_q3_k_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_q4_k_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_q5_k_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_q6_k_decode(const uint8_t *blocks, float *out, size_t count);

// --- affineblocks.c, symmetricblocks.c: encoders of the same, that search for the least squared error. ---
// Elements are finite; a scale or minimum too large for a half becomes infinite or NaN. The same bytes on every processor.
void caplet_q2_k_encode(const float *in, uint8_t *blocks, size_t count);
void caplet_q3_k_encode(const float *in, uint8_t *blocks, size_t count);
void caplet_q4_k_encode(const float *in, uint8_t *blocks, size_t count);
void caplet_q5_k_encode(const float *in, uint8_t *blocks, size_t count);
void caplet_q6_k_encode(const float *in, uint8_t *blocks, size_t count);

// The same, where an error of in[i] counts weights[i], above 0, times its square.
void caplet_q2_k_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_q3_k_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_q4_k_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_q5_k_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_q6_k_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
// Puts other codes, one in a byte and counted from 0, into blocks that keep their scales and minima.
void caplet_q2_k_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_q3_k_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_q4_k_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_q5_k_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_q6_k_put(const uint8_t *codes, uint8_t *blocks, size_t count);

// --- scaledblocks.c: the same two for 32 elements with one scale, and IQ4_XS. Q8_0 in blocks of 34 bytes; its codes are -127 ... 127. ---
void caplet_q4_0_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_q5_0_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_q8_0_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_iq4_nl_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_iq4_xs_encode_weighted(const float *in, const float *weights, uint8_t *blocks, size_t count);
void caplet_q4_0_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_q5_0_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_q8_0_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_iq4_nl_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_iq4_xs_put(const uint8_t *codes, uint8_t *blocks, size_t count);
void caplet_q8_0_decode(const uint8_t *blocks, float *out, size_t count);

// --- tableblocks.c: codes that are looked up: ternary (256 elements), E2M1 and a fixed table of 16 (32, IQ4_XS 256). ---
void caplet_tq1_0_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_tq2_0_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_mxfp4_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_iq4_nl_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_iq4_xs_decode(const uint8_t *blocks, float *out, size_t count);
// 64 elements.
void caplet_nvfp4_decode(const uint8_t *blocks, float *out, size_t count);

// --- gridblocks.c: 256 elements, four or eight of them at a time a point of a grid. ---
void caplet_iq1_s_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_iq1_m_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_iq2_xxs_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_iq2_xs_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_iq2_s_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_iq3_xxs_decode(const uint8_t *blocks, float *out, size_t count);
void caplet_iq3_s_decode(const uint8_t *blocks, float *out, size_t count);

// --- gridrounding.c: one block of 256 elements, points and all, of least error where an error of values[i] counts weights[i] times its square. ---
// With an upper triangular factor [256, 256], rows stride apart, errors are fed forward, eight elements at a time: errors[j] becomes the error
// over factor[j][j], and the values after j lose errors[j] * factor[j][k]; without one, errors are what they are. Returns the sum of the
// squares of errors; infinite, with an infinite half, for values that no half reaches.
double caplet_iq2_xxs_round(float *values, const float *weights, const float *factor, size_t stride, uint8_t *block, float *errors);
double caplet_iq2_xs_round(float *values, const float *weights, const float *factor, size_t stride, uint8_t *block, float *errors);
double caplet_iq2_s_round(float *values, const float *weights, const float *factor, size_t stride, uint8_t *block, float *errors);
double caplet_iq3_xxs_round(float *values, const float *weights, const float *factor, size_t stride, uint8_t *block, float *errors);
double caplet_iq3_s_round(float *values, const float *weights, const float *factor, size_t stride, uint8_t *block, float *errors);

// --- planes.c: bytes of elements of 2, 4 or 8 bytes, apart and together again. ---
// out[i] is byte `plane` of element i, the lowest byte 0; with `rotates`, of the element rotated left by one bit.
void caplet_plane(const uint8_t *in, uint8_t *out, size_t count, size_t width, size_t plane, int rotates);
// The elements of `width` planes of count bytes each.
void caplet_planes_join(const uint8_t *const *planes, uint8_t *out, size_t count, size_t width, int rotates);

// --- quantized.c: out[i] = scale * (codes[i] - zero). ---
void caplet_dequantize_i8(const int8_t *codes, float scale, float *out, size_t count);
// The same with a scale for each `size` codes; count is a multiple of size.
void caplet_dequantize_groups(const int8_t *codes, const float *scales, size_t size, float *out, size_t count);
void caplet_dequantize_u8(const uint8_t *codes, float scale, float zero, float *out, size_t count);

// --- sparse.c: a pattern is one bit an element, least significant bit first, each row padded to whole 64-bit words. ---
// Writes one row: out[j] = the next value where bit j is set, 0 elsewhere. Returns the values consumed.
size_t caplet_sparse_expand_row(const uint64_t *words, const float *values, float *out, size_t columns);
// Sets the bits of in[j] != 0. Returns their number.
size_t caplet_sparse_pattern_row(const float *in, uint64_t *words, size_t columns);
// Packs in[j] of the bits that are set. Returns the values written.
size_t caplet_sparse_gather_row(const uint64_t *words, const float *in, float *values, size_t columns);
// y[i, 0..<tokens] += sum over set bits j of row i: value * x[j, 0..<tokens]; x and y are token-contiguous.
void caplet_sparse_product(const uint64_t *words, size_t words_per_row, const float *values,
                           size_t rows, size_t columns, const float *x, float *y, size_t tokens);

// --- symmetric.c: a symmetric matrix [n, n] by its upper triangle, rows `stride` floats apart, times a vector. ---
// y += what rows first ..< end of the triangle bring to A·x, above and below the diagonal.
void caplet_symmetric_product(const float *a, size_t stride, size_t n, size_t first, size_t end, const float *x, float *y);
// What is below the diagonal of a [n, n] becomes what is above it.
void caplet_mirror_upper_triangle(float *a, size_t n);

// --- panels.c: some rows of floats, `stride` apart. ---
// products[i] = row i · x, [rows].
void caplet_row_products(const float *a, size_t stride, size_t rows, const float *x, size_t n, float *products);
// out += sum over the rows of factors[i] · row i, [n].
void caplet_add_row_sum(const float *a, size_t stride, size_t rows, const float *factors, float *out, size_t n);

// --- resolvents.c: sums of resolvents of a tridiagonal matrix T [n, n] by its diagonal and what is beside it. ---
// ratios, diagonals: [n, poles] complex numbers, for Xᵢⱼ = ratio of row i · Xᵢ₊₁ⱼ where i < j in the upper triangle of wₚ(T − zₚ)⁻¹ = X, and
// its diagonal. The pole is zₚ = i · height, with a height above 0, so that no pivot is 0; heights: [poles], weights: complex numbers, [poles].
// state: 2 · CAPLET_RESOLVENT_POLES · n doubles of the caller's.
enum { CAPLET_RESOLVENT_POLES = 8 };
void caplet_resolvent_factors(const double *diagonal, const double *off_diagonal, size_t n, const double *heights,
                              const double *weights, size_t poles, float *ratios, float *diagonals, double *state);
// Columns column ..< column + count of the sum over the poles of the real part of X, in its upper triangle: rows 0 ..< column + count of them to
// out, `stride` floats apart; below the diagonal zeros. column is a multiple of CAPLET_RESOLVENT_COLUMNS, count at most that.
// state: 2 · poles · CAPLET_RESOLVENT_COLUMNS floats, active: poles words, of the caller's.
enum { CAPLET_RESOLVENT_COLUMNS = 32 };
void caplet_resolvent_sum(const float *ratios, const float *diagonals, size_t poles, size_t column, size_t count, float *out,
                          size_t stride, float *state, uint32_t *active);

// --- elementwise.c: the steps between matrix products. ---
// Soft threshold: out[i] = sign(in[i]) * max(|in[i]| - threshold, 0).
void caplet_soft_threshold(const float *in, float threshold, float *out, size_t count);
// A step of robust PCA beside the thresholding of singular values: s = soft(w - l + y / mu, threshold), then y += mu (w - l - s).
// Returns the sum of squares of w - l - s.
double caplet_sparse_and_multiplier_step(const float *w, const float *l, float threshold, float mu, float *s, float *y, size_t count);
// out[i] = a[i] >= threshold ? w[i] : 0.
void caplet_mask_at_least(const float *a, float threshold, const float *w, float *out, size_t count);
// Root mean square norm of each row of length n, times weight.
void caplet_rms_norm(const float *in, const float *weight, float epsilon, float *out, size_t rows, size_t n);
// (in - mean) / sqrt(variance + epsilon), of each row, times weight, plus bias; out may be in.
void caplet_layer_norm(const float *in, const float *weight, const float *bias, float epsilon, float *out, size_t rows, size_t n);
// out[i] = f(in[i]): x * sigmoid(x); x * Phi(x); its approximation by tanh; max(x, 0).
typedef enum { CAPLET_SILU, CAPLET_GELU, CAPLET_GELU_TANH, CAPLET_RELU, CAPLET_RELU_SQUARED } caplet_activation_kind;
void caplet_activation(caplet_activation_kind kind, const float *in, float *out, size_t count);
// out[i] = silu(gate[i]) * up[i].
void caplet_swiglu(const float *gate, const float *up, float *out, size_t count);
// out[i] = f(gate[i]) * up[i]; out may be gate.
void caplet_gated(caplet_activation_kind kind, const float *gate, const float *up, float *out, size_t count);
// In place cap * tanh(scale * x / cap).
void caplet_soft_cap(float *x, float scale, float cap, size_t count);
// In place softmax of scale * row[0..<valid]; the rest of the row, to n, becomes 0.
void caplet_softmax_row(float *row, float scale, size_t valid, size_t n);
// c[m, n] <- alpha * op(A) * op(B) + beta * c; element (i, p) of op(A) is a[i * a_row + p * a_column], (p, j) of op(B) is
// b[p * b_row + j * b_column]. What c held is not read where beta is 0.
void caplet_matrix_product(
    size_t m, size_t n, size_t k, float alpha, const float *a, size_t a_row, size_t a_column, const float *b, size_t b_row,
    size_t b_column, float beta, float *c, size_t c_stride);
// log(sum(exp(row))).
double caplet_log_sum_exp(const float *row, size_t n);
// Sum of |in[i]| and of in[i]^2, in double.
double caplet_sum_abs(const float *in, size_t count);
double caplet_sum_squares(const float *in, size_t count);
// 1 when any element is NaN or infinite.
int caplet_has_nonfinite(const float *in, size_t count);

// --- attention.c: one head of one position against rows that lie `stride` apart. ---
// scores[t] = query . keys[t], of vectors of `size`.
void caplet_scores_row(const float *query, const float *keys, size_t stride, size_t count, size_t size, float *scores);
// out[i] = sum over t of weights[t] * rows[t][i].
void caplet_weighted_rows(const float *weights, const float *rows, size_t stride, size_t count, size_t size, float *out);

// --- packed.c, packedwide.c, packednarrow.c: products with matrices of codes that are packed to a few bits. ---
// How wide the vectors of this processor are: 16 floats (AVX-512), 8 or 4 (AVX2 with FMA, NEON). Results do not depend on it.
typedef enum { CAPLET_VECTORS_NONE, CAPLET_VECTORS_NARROW, CAPLET_VECTORS_WIDE } caplet_vector_level;
typedef enum { CAPLET_SCALE_F32, CAPLET_SCALE_BF16, CAPLET_SCALE_F16 } caplet_scale_kind;
enum { CAPLET_PACKED_ROWS = 16, CAPLET_ESCAPE_COLUMNS = 256 };

// A matrix [rows, columns] of codes in blocks of 16 rows; of the last block some rows may be missing. Row r of a block is lane r.
// A block's words hold, group after group, codes of consecutive columns, 16 words side by side for the 16 rows; a group begins with a word
// of its own. A word has floor(32 / bits) codes, the first in the lowest bits. The bits that are left at the top of the words of a bundle
// (3, 5 or 7 words of as many bits, 3 of 6), the first word's lowest, have the codes that follow. Codes after the last whole bundle of a
// group leave these bits empty. What is packed is code - center + 2^(bits - 1). Codes that are too far from the center have the nearest that
// can be, and escapes that add up to what is missing: column % 256 << 8 | lane << 4 | difference + 8, by rising columns.
// value = scale * (code - zero), with a scale and a zero for each group of a row.
typedef struct {
    size_t rows, columns, group_size, groups;
    const uint8_t *widths;          // [blocks], 1 ... 8 bits
    const int16_t *centers;         // [blocks]
    const size_t *starts;           // [blocks], in words
    const uint32_t *words;
    const uint32_t *escape_starts;  // [blocks * segments of 256 columns + 1]
    const uint16_t *escapes;
    const void *scales;             // [blocks, groups, 16] of the kind
    caplet_scale_kind scale_kind;
    const uint8_t *zeros;           // [blocks, groups, 16], or null for zeros of 0
} caplet_packed_matrix;

// The widest vectors that this processor has.
caplet_vector_level caplet_packed_level(void);
// y[t * y_stride + row] += the product of the matrix's rows with x[t * stride ...], for blocks first ..< last and all tokens t.
// group_sums are sums of x, [tokens, groups], and null where all centers and zeros are 0.
void caplet_packed_product(caplet_vector_level level, const caplet_packed_matrix *matrix, size_t first, size_t last, const float *x,
                           size_t stride, const float *group_sums, size_t tokens, float *y, size_t y_stride);
// --- packedtiles.c: the same product, bit for bit, with many tokens at once, whose inputs lie in tiles: [tokens / 16, columns, 16]. ---
enum { CAPLET_PACKED_TILE = 16 };
// Floats of the tiles of so many inputs, and of the room that a product needs, which nothing else uses meanwhile.
size_t caplet_packed_tiles_count(size_t tokens, size_t columns);
size_t caplet_packed_tiles_room(size_t tokens);
// Puts inputs [tokens, columns] into tiles, times the columns' scales unless these are null.
void caplet_packed_tile_inputs(const float *x, size_t tokens, size_t columns, const float *column_scales, float *tiled);
void caplet_packed_tiles_product(const caplet_packed_matrix *matrix, size_t first, size_t last, const float *tiled, const float *group_sums,
                                 size_t tokens, float *y, size_t y_stride, float *room);
// One row as floats.
void caplet_packed_row(const caplet_packed_matrix *matrix, size_t row, float *out);
// histogram[value + 128] += 1 for each code, -128 ... 255.
void caplet_packed_histogram(const uint8_t *codes, int is_signed, size_t count, uint32_t *histogram);
// Words of a block that a group of `count` columns takes.
size_t caplet_packed_words(size_t count, int bits);
// Packs a block of at most 16 rows of `columns` codes. Returns the number of escapes written, and those of each segment of 256 columns.
size_t caplet_packed_encode(const uint8_t *codes, int is_signed, size_t rows, size_t columns, size_t group_size, int bits, int center,
                            uint32_t *words, uint16_t *escapes, uint32_t *escape_counts);

// --- packedstream.c: a sequence of such codes, 16 * floor(32 / bits) in each 16 words. ---
// Codes of a vector of 16 words.
size_t caplet_stream_vector(int bits);
// Puts codes into words that were 0; codes too far from the center get the nearest that can be.
void caplet_stream_encode(const uint8_t *codes, int is_signed, size_t count, int bits, int center, uint32_t *words);
// The codes of so many whole vectors, as floats.
void caplet_stream_decode(const uint32_t *words, size_t vectors, int bits, int center, float *out);
// values[i] = (values[i] - zero) * scale, with those of the group that value first + i is in; zeros may be null.
void caplet_scale_groups(float *values, size_t first, size_t count, size_t group_size, const float *scales, const uint8_t *zeros);

// --- storedrows.c: y[t * y_stride + row] += row . x[t * stride ...], of weights as they are stored, at any address. ---
void caplet_rows_product_f32(const void *weights, size_t rows, size_t columns, const float *x, size_t stride, size_t tokens, float *y,
                             size_t y_stride);
void caplet_rows_product_bf16(const void *weights, size_t rows, size_t columns, const float *x, size_t stride, size_t tokens, float *y,
                              size_t y_stride);
void caplet_rows_product_f16(const void *weights, size_t rows, size_t columns, const float *x, size_t stride, size_t tokens, float *y,
                             size_t y_stride);

// --- storedtiles.c: the same, bit for bit, of many tokens at once, whose inputs lie in tiles. ---
enum { CAPLET_TILE_ROWS = 6, CAPLET_TILE_TOKENS = 4 };
// Floats of the tiles of so many inputs, and of the room that a product needs, which nothing else uses meanwhile.
size_t caplet_tiled_inputs_count(size_t tokens, size_t columns);
size_t caplet_tiled_room(size_t columns);
// Puts inputs [tokens, columns] into tiles.
void caplet_tile_inputs(const float *x, size_t tokens, size_t columns, float *tiled);
void caplet_tiled_product_f32(const void *weights, size_t rows, size_t columns, const float *tiled, size_t tokens, float *y,
                              size_t y_stride, float *room);
void caplet_tiled_product_bf16(const void *weights, size_t rows, size_t columns, const float *tiled, size_t tokens, float *y,
                               size_t y_stride, float *room);
void caplet_tiled_product_f16(const void *weights, size_t rows, size_t columns, const float *tiled, size_t tokens, float *y,
                              size_t y_stride, float *room);

// --- sparserows.c: the same of sparse rows, whose values lie one after the other with room for 16 more behind the last. ---
// Returns the values consumed.
size_t caplet_sparse_rows_product(caplet_vector_level level, const uint64_t *words, size_t words_per_row, const float *values,
                                  size_t rows, size_t columns, const float *x, size_t stride, size_t tokens, float *y, size_t y_stride);
size_t caplet_set_bits(const uint64_t *words, size_t count);

// --- memory.c: gives memory that was freed, and that the process would keep for later, back to the system, where the C library can. ---
void caplet_release_free_memory(void);
// From now on blocks of 8 MB and more are mappings of their own, which go back when they are freed.
void caplet_return_large_memory(void);
// Asks for huge pages for the first 48 MB of the heap, which are only taken when they are used. Call it once, from the first thread.
void caplet_use_huge_pages(void);

// --- feedback.c: rounding to codes that are going to be entropy coded. ---
// Rounds values[j] to steps[j] * codes[j], code by code: to the nearest of -127 ... 127, or to the next one towards zero where the
// squared error it adds, in steps, is below lambda times the bits that it saves; lengths[code + 128] are bits a code. With an upper
// triangular factor [width, width], rows stride apart, errors[j] becomes the error over factor[j][j], and the values after j lose
// errors[j] * factor[j][k]; without one, errors is not used.
void caplet_quantize_feedback(
    float *values, const float *steps, size_t width, const float *factor, size_t stride, const float *lengths, float lambda,
    int8_t *codes, float *errors);

// --- levelfeedback.c: rounding to the levels of blocks. ---
// Rounds values[j] to the nearest of steps[j] * table[code] + offsets[j], codes 0 ... top, or of steps[j] * code + offsets[j] where table is
// null; table rises. With an upper triangular factor [width, width], rows stride apart, errors[j] becomes the error over factor[j][j],
// and the values after j lose errors[j] * factor[j][k]. Returns the sum of the squares of errors.
double caplet_round_to_levels(
    float *values, const float *steps, const float *offsets, const float *table, int top, size_t width, const float *factor,
    size_t stride, uint8_t *codes, float *errors);

// --- trellisfeedback.c: the same for the levels of two quantisers that take turns along a row. Quantiser 0 has the levels 2k, quantiser 1
// 2k - sgn(k), in steps; the state of a trellis chooses it, bit 1 of the state, and becomes 2 * state mod 8 + (parity of k and all bits of
// the state). ---
enum {
    CAPLET_TRELLIS_STATES = 8,
    CAPLET_TRELLIS_COLUMNS = 128,
    CAPLET_TRELLIS_CLASSES = 16,
    /// |k| of levels to ±127.
    CAPLET_TRELLIS_INDICES = 65,
};
// Rounds at most 128 values of a row, from a state on; gives the state after them. codes are levels, errors as for caplet_quantize_feedback.
// lengths has the bits of each |k|, its sign and all, [quantiser][class][|k|], or is null; classes has that of each column. lambda: squared steps
// that a bit is worth.
int caplet_quantize_trellis(
    float *values, const float *steps, size_t width, const float *factor, size_t stride, const float *lengths, const uint8_t *classes,
    float lambda, int state, int8_t *codes, float *errors);
// Adds the codes of rows, levels of the trellis, to counts [quantiser][class][|k|].
void caplet_count_indices(
    const int8_t *codes, const uint8_t *classes, size_t count, size_t columns, uint32_t *counts);

// --- adaptivecodes.c: codes of a matrix, row by row, by an entropy coder that adapts (formats/caplet/SPEC.md, "adaptive"). ---
typedef enum {
    CAPLET_ADAPTIVE_SOUND,
    /// The content ends before the last code.
    CAPLET_ADAPTIVE_ENDS,
    /// The coder does not end where it must begin, or bytes are left.
    CAPLET_ADAPTIVE_STATE,
    /// A magnitude that no code has.
    CAPLET_ADAPTIVE_RANGE,
} caplet_adaptive_failure;
#define CAPLET_ADAPTIVE_ROOM(count) (5 * (size_t)(count) + 16)
// The content may be anything: nothing beyond its size is read. columns is at least 1, and means has as many elements; codes has count.
caplet_adaptive_failure caplet_adaptive_decode(
    const uint8_t *content, size_t size, size_t count, size_t columns, uint8_t center, int is_trellis, uint32_t *means, uint8_t *codes);
// 1 where each row of codes is one of levels that the trellis has.
int caplet_is_on_trellis(const uint8_t *codes, size_t count, size_t columns, uint8_t center);
// The bytes of the content; 0 for codes that the trellis does not have. steps has 2 * count elements, out CAPLET_ADAPTIVE_ROOM(count) bytes.
size_t caplet_adaptive_encode(
    const uint8_t *codes, size_t count, size_t columns, uint8_t center, int is_trellis, uint32_t *means, uint32_t *steps, uint8_t *out);

// --- gradients.c: the steps of elementwise.c, backwards. A gradient is of the loss, with respect to what its name says. ---
// in_gradient += the gradient of the root mean square norm's input; weight as in caplet_rms_norm.
void caplet_rms_norm_backward(const float *in, const float *weight, float epsilon, const float *out_gradient, float *in_gradient,
                              size_t rows, size_t n);
// in_gradient += the gradient of the layer norm's input.
void caplet_layer_norm_backward(const float *in, const float *weight, float epsilon, const float *out_gradient, float *in_gradient,
                                size_t rows, size_t n);
// gradient[i] *= f'(in[i]).
void caplet_activation_backward(caplet_activation_kind kind, const float *in, float *gradient, size_t count);
// Of silu(gate) * up: gate_gradient comes with the gradient of the product and leaves with that of gate.
void caplet_swiglu_backward(const float *gate, const float *up, float *gate_gradient, float *up_gradient, size_t count);
// Of f(gate) * up, as caplet_swiglu_backward.
void caplet_gated_backward(caplet_activation_kind kind, const float *gate, const float *up, float *gate_gradient, float *up_gradient,
                           size_t count);
// g * sigmoid(alpha * g) * (u + 1) with g = min(gate, limit) and u = up within -limit and limit; out may be gate. The second as
// caplet_swiglu_backward.
void caplet_clamped_swiglu(float alpha, float limit, const float *gate, const float *up, float *out, size_t count);
void caplet_clamped_swiglu_backward(float alpha, float limit, const float *gate, const float *up, float *gate_gradient, float *up_gradient,
                                    size_t count);
// gradient[i] *= 1 - (capped[i] / cap)^2: that of what came out of caplet_soft_cap with scale 1 becomes that of what went in.
void caplet_soft_cap_backward(const float *capped, float cap, float *gradient, size_t count);
// Of probabilities = softmax(scale * scores[0..<valid]): the gradient of the probabilities becomes that of the scores, 0 from valid to n.
void caplet_softmax_backward_row(const float *probabilities, float *gradient, float scale, size_t valid, size_t n);
// The Kullback-Leibler divergence in nats of softmax(logits) from softmax(reference); logits becomes scale times its gradient.
double caplet_divergence_row(const float *reference, float *logits, float scale, size_t n);

// --- statespace.c: what a state space (Mamba) does between its layers, forwards and backwards. ---
// out[t][i] = bias[i] + sum over k of weight[k][i] * in[t + k][i]: in [kernel - 1 + tokens, channels] begins with the tokens before the first.
// weight: [kernel, channels].
void caplet_causal_convolution(const float *in, const float *weight, const float *bias, size_t kernel, size_t tokens, size_t channels,
                               float *out);
// in_gradient [tokens, channels]: of the tokens themselves, not of those before the first.
void caplet_causal_convolution_backward(const float *weight, size_t kernel, const float *out_gradient, size_t tokens, size_t channels,
                                        float *in_gradient);
// out[i] = log(1 + e^in[i]), at least low and at most high. The second: gradient[i] *= its derivative, 0 beyond low and high.
void caplet_softplus(const float *in, float low, float high, float *out, size_t count);
void caplet_softplus_backward(const float *in, float low, float high, float *gradient, size_t count);
// A head of a selective state space on one sequence: its channels, which share time steps; strides from token to token, in floats.
typedef struct {
    size_t tokens, channels, states;
    size_t channel_stride, step_stride, group_stride;
    // Whether one decay is that of all states of the head; else each state of a channel has one, and the head has one channel.
    int shares_decay;
} caplet_scan;
// h = exp(step * decay) h + step * x * b, y = c . h + skip * x, token after token. x, steps, y and b, c begin at the head's first channel, its
// step, its group; state [channels, states] is that before the first token, and becomes that after the last.
void caplet_selective_scan(const caplet_scan *scan, const float *x, const float *steps, const float *decays, const float *b, const float *c,
                           float skip, float *state, float *y);
// Of a scan that began with zeros. b_gradient and c_gradient are added to, the others written.
// scratch: (2 * tokens + 3) * states floats of the caller's.
void caplet_selective_scan_backward(const caplet_scan *scan, const float *x, const float *steps, const float *decays, const float *b,
                                    const float *c, float skip, const float *y_gradient, float *scratch, float *x_gradient,
                                    float *step_gradient, float *b_gradient, float *c_gradient);

// A head of a gated delta rule on one sequence; strides from token to token, in floats.
typedef struct {
    size_t tokens, keys, values, key_stride, value_stride, step_stride;
} caplet_delta;
// s = a s + k d with a = exp(step * decay) and d = rate * (v - k . a s), y = q . s, token after token. q, k, v, steps, rates and y begin at the
// head's; state [keys, values] is that before the first token, and becomes that after the last. written: values floats of the caller's.
void caplet_delta_rule(const caplet_delta *rule, const float *q, const float *k, const float *v, const float *steps, float decay,
                       const float *rates, float *state, float *written, float *y);
// Of a rule that began with zeros. q_gradient and k_gradient are added to, the others written.
// scratch: (tokens + 2) * keys + 2 * tokens floats of the caller's.
void caplet_delta_rule_backward(const caplet_delta *rule, const float *q, const float *k, const float *v, const float *steps, float decay,
                                const float *rates, const float *y_gradient, float *scratch, float *q_gradient, float *k_gradient,
                                float *v_gradient, float *step_gradient, float *rate_gradient);

#endif
