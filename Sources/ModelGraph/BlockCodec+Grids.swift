import CKernels

/// Two and three bits an element: magnitudes, eight or four at a time, that are a point of a grid.
extension BlockCodec {
    public static let iq2_xxs = grid("IQ2_XXS", bytes: 66, decode: { caplet_iq2_xxs_decode($0, $1, $2) }) {
        caplet_iq2_xxs_round($0, $1, $2, $3, $4, $5)
    }
    public static let iq2_xs = grid("IQ2_XS", bytes: 74, decode: { caplet_iq2_xs_decode($0, $1, $2) }) {
        caplet_iq2_xs_round($0, $1, $2, $3, $4, $5)
    }
    public static let iq2_s = grid("IQ2_S", bytes: 82, decode: { caplet_iq2_s_decode($0, $1, $2) }) {
        caplet_iq2_s_round($0, $1, $2, $3, $4, $5)
    }
    public static let iq3_xxs = grid("IQ3_XXS", bytes: 98, decode: { caplet_iq3_xxs_decode($0, $1, $2) }) {
        caplet_iq3_xxs_round($0, $1, $2, $3, $4, $5)
    }
    public static let iq3_s = grid("IQ3_S", bytes: 110, decode: { caplet_iq3_s_decode($0, $1, $2) }) {
        caplet_iq3_s_round($0, $1, $2, $3, $4, $5)
    }

    private static let gridElements = 256

    private static func grid(
        _ name: String, bytes: Int, decode: @escaping Decode, round: @escaping BlockRounding.PointRounding
    ) -> BlockCodec {
        BlockCodec(
            name, elements: gridElements, bytes: bytes, decode: decode,
            encode: { floats, blocks, count in
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * gridElements) { work in
                    work.initialize(repeating: 1)
                    guard let values = work.baseAddress else { return }
                    let (weights, errors) = (values + gridElements, values + 2 * gridElements)
                    for block in 0..<count / gridElements {
                        values.update(from: floats + block * gridElements, count: gridElements)
                        _ = round(values, weights, nil, 0, blocks + block * bytes, errors)
                    }
                }
            }, rounding: .points(round))
    }
}
