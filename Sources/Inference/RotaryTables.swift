import Architectures

/// The rotary embeddings of a model's blocks: one for all of them, or another for those with a sliding window.
public struct RotaryTables {
    private let usual: RotaryEmbedding
    private let local: RotaryEmbedding?

    init(_ c: ModelConfiguration, _ frequencies: RotaryFrequencies, positions: Range<Int>) {
        usual = RotaryEmbedding(c, frequencies.usual, magnitude: Float(c.ropeScaling.magnitude), positions: positions)
        local = frequencies.local.map { RotaryEmbedding(c, $0, positions: positions) }
    }

    /// Nil for blocks whose queries and keys do not turn.
    package subscript(rotation: BlockRotation) -> RotaryEmbedding? {
        switch rotation {
        case .none: return nil
        case .usual: return usual
        case .local: return local
        }
    }
}

/// By how much the pairs of components turn from position to position, [rotarySize / 2] each.
struct RotaryFrequencies {
    let usual: [Float]
    let local: [Float]?

    /// Nil for families that do not turn queries and keys.
    init?(_ c: ModelConfiguration) {
        guard c.design.positions == .rotary else { return nil }
        let plain = c.rotaryFrequencies
        usual = c.ropeScaling.divisors(plain, theta: c.ropeTheta).map { zip(plain, $0).map { $0 / $1 } } ?? plain
        local = c.localRotaryFrequencies
    }
}
