import ModelGraph
import PassKit

/// Types of blocks that values can be stored in, by the names that ggml gives them, fewest bits first.
enum BlockType: String, CaseIterable, Sendable {
    /// All that are worth their bits: Q4_0 only where it is named, for it is the fastest on some processors and never the most accurate.
    case auto
    case iq2_xxs, iq2_xs, iq2_s
    case q2_K = "q2_k", iq3_xxs, iq3_s
    case q3_K = "q3_k"
    case iq4_xs, iq4_nl, q4_0
    case q4_K = "q4_k", q5_0
    case q5_K = "q5_k", q6_K = "q6_k"
    case q8_0

    var codec: BlockCodec? {
        switch self {
        case .auto: return nil
        case .iq2_xxs: return .iq2_xxs
        case .iq2_xs: return .iq2_xs
        case .iq2_s: return .iq2_s
        case .q2_K: return .q2_K
        case .iq3_xxs: return .iq3_xxs
        case .iq3_s: return .iq3_s
        case .q3_K: return .q3_K
        case .iq4_xs: return .iq4_xs
        case .iq4_nl: return .iq4_nl
        case .q4_0: return .q4_0
        case .q4_K: return .q4_K
        case .q5_0: return .q5_0
        case .q5_K: return .q5_K
        case .q6_K: return .q6_K
        case .q8_0: return .q8_0
        }
    }

    /// The codecs that a set names, fewest bits first.
    static func codecs(of types: Set<BlockType>) -> [BlockCodec] {
        let named = types.contains(.auto) ? Set(allCases).subtracting([.q4_0]).union(types) : types
        return allCases.filter(named.contains).compactMap(\.codec)
    }
}
