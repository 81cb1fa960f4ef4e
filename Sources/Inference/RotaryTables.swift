import Architectures

/// The rotary embeddings of a model's blocks: one for all of them, or another for those with a sliding window.
public struct RotaryTables {
    private let usual: RotaryEmbedding
    private let local: RotaryEmbedding?

    /// - Parameter length: tokens of the sequence that the positions are of, which some scaling goes by.
    init(_ c: ModelConfiguration, _ frequencies: RotaryFrequencies, positions: Range<Int>, length: Int) {
        usual = RotaryEmbedding(
            c, frequencies.usual(length: length), magnitude: Float(c.ropeScaling.magnitude), positions: positions)
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

/// The tables of sequences that run side by side: the same for all, but where scaling goes by the length of each.
package struct SequenceTables {
    private let tables: [Int: RotaryTables]
    private let limit: Int?

    /// - Parameter limit: up to how many tokens all lengths have the same tables; nil for any.
    init(_ lengths: [Int], limit: Int?, _ make: (Int) -> RotaryTables?) {
        self.limit = limit
        var longest: [Int: Int] = [:]
        for length in lengths {
            let key = SequenceTables.key(length, limit)
            longest[key] = max(longest[key] ?? 0, length)
        }
        tables = longest.compactMapValues(make)
    }

    private static func key(_ length: Int, _ limit: Int?) -> Int { limit.map { length > $0 ? length : 0 } ?? 0 }

    /// Nil for families that do not turn queries and keys.
    package subscript(length: Int) -> RotaryTables? { tables[SequenceTables.key(length, limit)] }
}

/// By how much the pairs of components turn from position to position, [rotarySize / 2] each.
struct RotaryFrequencies {
    private let plain: [Float]
    private let scaling: RopeScaling
    private let theta: Double
    let local: [Float]?

    /// Nil for families that do not turn queries and keys.
    init?(_ c: ModelConfiguration) {
        guard c.design.positions == .rotary else { return nil }
        (plain, scaling, theta) = (c.rotaryFrequencies, c.ropeScaling, c.ropeTheta)
        local = c.localRotaryFrequencies
    }

    func usual(length: Int) -> [Float] {
        scaling.divisors(plain, theta: theta, length: length).map { zip(plain, $0).map { $0 / $1 } } ?? plain
    }
}
