import CKernels
import ModelGraph

/// 256 elements: sub-blocks of 16 or 32 with integer scales, and in some minima, under a half or two.
extension BlockCodec {
    static let q2_K = BlockCodec("Q2_K", elements: 256, bytes: 84, decode: { caplet_q2_k_decode($0, $1, $2) })
    static let q3_K = BlockCodec("Q3_K", elements: 256, bytes: 110, decode: { caplet_q3_k_decode($0, $1, $2) })
    static let q4_K = BlockCodec("Q4_K", elements: 256, bytes: 144, decode: { caplet_q4_k_decode($0, $1, $2) })
    static let q5_K = BlockCodec("Q5_K", elements: 256, bytes: 176, decode: { caplet_q5_k_decode($0, $1, $2) })
    static let q6_K = BlockCodec("Q6_K", elements: 256, bytes: 210, decode: { caplet_q6_k_decode($0, $1, $2) })
}
