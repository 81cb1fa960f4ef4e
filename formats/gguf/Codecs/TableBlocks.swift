import CKernels
import ModelGraph

/// Codes that stand for a value each: three for ternary weights, sixteen for E2M1.
extension BlockCodec {
    static let tq1_0 = BlockCodec("TQ1_0", elements: 256, bytes: 54, halves: [52], decode: { caplet_tq1_0_decode($0, $1, $2) })
    static let tq2_0 = BlockCodec("TQ2_0", elements: 256, bytes: 66, halves: [64], decode: { caplet_tq2_0_decode($0, $1, $2) })
    static let mxfp4 = BlockCodec("MXFP4", elements: 32, bytes: 17, halves: [], decode: { caplet_mxfp4_decode($0, $1, $2) })
    static let nvfp4 = BlockCodec("NVFP4", elements: 64, bytes: 36, halves: [], decode: { caplet_nvfp4_decode($0, $1, $2) })
}
