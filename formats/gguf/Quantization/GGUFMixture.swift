import Architectures
import ModelGraph

/// The mixtures of types that llama-quantize makes, by their names in lower case, such as q4_k_m: most matrices have one type, those that errors
/// hurt more another.
public enum GGUFMixture: String, CaseIterable, Sendable {
    case q2_k_s
    case q3_k_s, q3_k_m, q3_k_l
    case q4_k_s, q4_k_m
    case q5_k_s, q5_k_m
    case iq2_m, iq3_xs, iq3_m

    /// The type of most matrices.
    var usual: BlockCodec {
        switch self {
        case .q2_k_s: return .q2_K
        case .q3_k_s, .q3_k_m, .q3_k_l: return .q3_K
        case .q4_k_s, .q4_k_m: return .q4_K
        case .q5_k_s, .q5_k_m: return .q5_K
        case .iq2_m: return .iq2_s
        case .iq3_xs, .iq3_m: return .iq3_s
        }
    }
}

/// What `llama_tensor_get_type` of llama.cpp chooses for one matrix after another, in the order of a file.
struct GGUFMixtureTypes {
    private let mixture: GGUFMixture
    private let isFalcon: Bool
    private let expertCount: Int
    /// Query heads to a key head.
    private let sharedBy: Int
    private let hasOutput: Bool
    /// Blocks of 70B models are told by their number.
    private let isLargestLlama: Bool
    /// Matrices of a kind in the file, and those that were asked for.
    private let valueCount: Int
    private let blockCount: Int
    private var values = 0
    private var downs = 0
    private var gates = 0
    private var ups = 0

    /// - Parameter names: of all tensors of the file, by GGUF.
    init(_ mixture: GGUFMixture, _ naming: GGUFNaming, names: [String]) {
        let configuration = naming.configuration
        self.mixture = mixture
        isFalcon = naming.ggufName == "falcon"
        expertCount = configuration.experts?.count ?? 0
        sharedBy = configuration.headCount / max(configuration.keyValueHeadCount, 1)
        hasOutput = names.contains("output.weight")
        isLargestLlama = naming.ggufName == "llama" && configuration.blockCount == 80
        valueCount = names.count { $0.contains("attn_v.weight") || $0.contains("attn_qkv.weight") || $0.contains("attn_kv_b.weight") }
        blockCount = configuration.blockCount
    }

    /// - Parameter name: by GGUF; each is asked for once, in the order of the file.
    mutating func codec(for name: String) -> BlockCodec {
        if name == "output.weight" || !hasOutput && name == "token_embd.weight" { return output }
        if name == "token_embd.weight" { return mixture == .iq2_m ? .iq3_s : mixture.usual }
        if mixture == .iq2_m { return ofTwoBits(name) }
        if name.contains("attn_v.weight") { return value() }
        if name.contains("attn_k.weight") || name.contains("attn_q.weight") {
            if expertCount == 8, name.contains("attn_k.weight") { return .q8_0 }
            return mixture == .iq3_xs ? .iq3_xxs : mixture.usual
        }
        if name.contains("ffn_down") { return down(name) }
        if name.contains("attn_output.weight") { return attentionOutput }
        if name.contains("attn_qkv.weight") {
            switch mixture {
            case .q3_k_m, .q3_k_l, .iq3_m: return .q4_K
            case .q4_k_m: return .q5_K
            case .q5_k_m: return .q6_K
            default: return mixture.usual
            }
        }
        if name.contains("ffn_gate") {
            defer { gates += 1 }
            return inMiddle(block(name, gates), of: blockCount) && mixture == .iq3_xs ? .iq3_xxs : mixture.usual
        }
        if name.contains("ffn_up") {
            defer { ups += 1 }
            return inMiddle(block(name, ups), of: blockCount) && mixture == .iq3_xs ? .iq3_xxs : mixture.usual
        }
        return mixture.usual
    }

    private var output: BlockCodec { isFalcon ? .q8_0 : mixture == .iq2_m ? .q5_K : .q6_K }

    private mutating func ofTwoBits(_ name: String) -> BlockCodec {
        if name.contains("attn_v.weight") {
            values += 1
            return sharedBy >= 4 || expertCount >= 4 ? .q4_K : .iq3_s
        }
        if expertCount == 8, name.contains("attn_k.weight") { return .q4_K }
        if name.contains("ffn_down") {
            defer { downs += 1 }
            return downs < blockCount / 8 ? .iq3_s : mixture.usual
        }
        if name.contains("attn_output.weight") { return expertCount == 8 ? .q5_K : .iq3_s }
        return mixture.usual
    }

    private mutating func value() -> BlockCodec {
        defer { values += 1 }
        var codec = mixture.usual
        switch mixture {
        case .q2_k_s where sharedBy >= 4, .iq3_xs where sharedBy >= 4: codec = .q4_K
        case .iq3_m: codec = .q4_K
        case .q3_k_m: codec = values < 2 ? .q5_K : .q4_K
        case .q3_k_l: codec = .q5_K
        case .q4_k_m where usesMore(values, of: valueCount), .q5_k_m where usesMore(values, of: valueCount): codec = .q6_K
        case .q4_k_s where values < 4: codec = .q5_K
        default: break
        }
        if isLargestLlama, codec == .q3_K || codec == .q4_K { codec = .q5_K }
        return expertCount == 8 ? .q8_0 : codec
    }

    private mutating func down(_ name: String) -> BlockCodec {
        defer { downs += 1 }
        let place = block(name, downs), count = blockCount
        switch mixture {
        case .q2_k_s: return place < count / 8 ? .q4_K : mixture.usual
        case .q3_k_m:
            if place < count / 16 { return .q5_K }
            return !isFalcon || usesMore(place, of: count) ? .q4_K : .q3_K
        case .iq3_m: return place < count / 8 || expertCount == 8 && usesMore(place, of: count) ? .q4_K : mixture.usual
        case .q3_k_l: return isFalcon ? .q4_K : .q5_K
        case .q4_k_m:
            guard isFalcon else { return usesMore(place, of: count) ? .q6_K : mixture.usual }
            return place < count / 16 ? .q6_K : usesMore(place, of: count) ? .q5_K : .q4_K
        case .q5_k_m: return usesMore(place, of: count) ? .q6_K : mixture.usual
        case .q4_k_s: return !isFalcon && place < count / 8 ? .q5_K : mixture.usual
        default: return mixture.usual
        }
    }

    private var attentionOutput: BlockCodec {
        if isFalcon { return mixture == .q3_k_l ? .q4_K : mixture.usual }
        if expertCount == 8 {
            switch mixture {
            case .iq3_xs, .q3_k_s, .q3_k_m, .q4_k_s, .q4_k_m, .iq3_m: return .q5_K
            default: return mixture.usual
            }
        }
        switch mixture {
        case .q3_k_m, .iq3_m: return .q4_K
        case .q3_k_l: return .q5_K
        default: return mixture.usual
        }
    }

    /// Of models with experts the block that the name says, else how many were asked for.
    private func block(_ name: String, _ count: Int) -> Int {
        guard expertCount > 1, name.hasPrefix("blk.") else { return count }
        return Int(name.dropFirst(4).prefix { $0.isNumber }) ?? count
    }

    /// The first and last eighth, and every third between them.
    private func usesMore(_ place: Int, of count: Int) -> Bool {
        place < count / 8 || place >= 7 * count / 8 || (place - count / 8) % 3 == 2
    }

    private func inMiddle(_ place: Int, of count: Int) -> Bool { place >= count / 8 && place < 7 * count / 8 }
}
