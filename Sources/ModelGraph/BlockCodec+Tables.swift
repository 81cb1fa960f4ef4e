import CKernels

/// Four bits an element that stand for sixteen values unevenly apart, and Q8_0.
extension BlockCodec {
    private static let nonlinear: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

    public static let iq4_nl = BlockCodec(
        "IQ4_NL", elements: 32, bytes: 18, decode: { caplet_iq4_nl_decode($0, $1, $2) },
        encode: { unweighted($0, $1, $2) { caplet_iq4_nl_encode_weighted($0, $1, $2, $3) } },
        rounding: .levels(
            BlockRounding.Levels(
                top: 15, table: nonlinear, encode: { caplet_iq4_nl_encode_weighted($0, $1, $2, $3) }, put: { caplet_iq4_nl_put($0, $1, $2) }
            )))
    public static let iq4_xs = BlockCodec(
        "IQ4_XS", elements: 256, bytes: 136, decode: { caplet_iq4_xs_decode($0, $1, $2) },
        encode: { unweighted($0, $1, $2) { caplet_iq4_xs_encode_weighted($0, $1, $2, $3) } },
        rounding: .levels(
            BlockRounding.Levels(
                top: 15, table: nonlinear, encode: { caplet_iq4_xs_encode_weighted($0, $1, $2, $3) }, put: { caplet_iq4_xs_put($0, $1, $2) }
            )))
    /// For blocks that are made; those that are read become codes and scales (`Q8_0Blocks`).
    public static let q8_0 = BlockCodec(
        "Q8_0", elements: 32, bytes: Q8_0Blocks.byteCount, decode: { caplet_q8_0_decode($0, $1, $2) },
        rounding: .levels(
            BlockRounding.Levels(top: 254, encode: { caplet_q8_0_encode_weighted($0, $1, $2, $3) }, put: { caplet_q8_0_put($0, $1, $2) })))

    /// Blocks of floats of which all count alike.
    private static func unweighted(
        _ floats: UnsafePointer<Float>, _ blocks: UnsafeMutablePointer<UInt8>, _ count: Int, _ encode: BlockRounding.Levels.WeightedEncode
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: max(count, 1)) { weights in
            weights.initialize(repeating: 1)
            if let weights = weights.baseAddress { encode(floats, weights, blocks, count) }
        }
    }
}
