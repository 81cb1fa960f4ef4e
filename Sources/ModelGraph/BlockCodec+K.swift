import CKernels

/// 256 elements: sub-blocks of 16 or 32 with integer scales, and in some minima, under a half or two.
///
/// Encoders give the least squared error that they find, not ggml's bytes.
extension BlockCodec {
    public static let q2_K = BlockCodec(
        "Q2_K", elements: 256, bytes: 84, halves: [80, 82],
        decode: { caplet_q2_k_decode($0, $1, $2) }, encode: { caplet_q2_k_encode($0, $1, $2) },
        rounding: .levels(
            BlockRounding.Levels(top: 3, encode: { caplet_q2_k_encode_weighted($0, $1, $2, $3) }, put: { caplet_q2_k_put($0, $1, $2) })))
    public static let q3_K = BlockCodec(
        "Q3_K", elements: 256, bytes: 110, halves: [108],
        decode: { caplet_q3_k_decode($0, $1, $2) }, encode: { caplet_q3_k_encode($0, $1, $2) },
        rounding: .levels(
            BlockRounding.Levels(top: 7, encode: { caplet_q3_k_encode_weighted($0, $1, $2, $3) }, put: { caplet_q3_k_put($0, $1, $2) })))
    public static let q4_K = BlockCodec(
        "Q4_K", elements: 256, bytes: 144, halves: [0, 2],
        decode: { caplet_q4_k_decode($0, $1, $2) }, encode: { caplet_q4_k_encode($0, $1, $2) },
        rounding: .levels(
            BlockRounding.Levels(top: 15, encode: { caplet_q4_k_encode_weighted($0, $1, $2, $3) }, put: { caplet_q4_k_put($0, $1, $2) })))
    public static let q5_K = BlockCodec(
        "Q5_K", elements: 256, bytes: 176, halves: [0, 2],
        decode: { caplet_q5_k_decode($0, $1, $2) }, encode: { caplet_q5_k_encode($0, $1, $2) },
        rounding: .levels(
            BlockRounding.Levels(top: 31, encode: { caplet_q5_k_encode_weighted($0, $1, $2, $3) }, put: { caplet_q5_k_put($0, $1, $2) })))
    public static let q6_K = BlockCodec(
        "Q6_K", elements: 256, bytes: 210, halves: [208],
        decode: { caplet_q6_k_decode($0, $1, $2) }, encode: { caplet_q6_k_encode($0, $1, $2) },
        rounding: .levels(
            BlockRounding.Levels(top: 63, encode: { caplet_q6_k_encode_weighted($0, $1, $2, $3) }, put: { caplet_q6_k_put($0, $1, $2) })))
}
