import StrictJSON

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434): keys and values are made of a few numbers a token, queries may be. The last components
/// of a head turn; those of keys are the same in all heads.
public struct LatentAttention: Equatable, Sendable {
    /// Nil where queries are made of the hidden state at once.
    public var queryRank: Int?
    public var keyValueRank: Int
    /// Components of a head's values.
    public var valueSize: Int

    package init(queryRank: Int?, keyValueRank: Int, valueSize: Int) {
        (self.queryRank, self.keyValueRank, self.valueSize) = (queryRank, keyValueRank, valueSize)
    }

    /// ε of the norms between, whatever that of others.
    public static let normEpsilon = 1e-6
}

extension ModelConfiguration {
    /// Components of a head's values.
    public var valueSize: Int { latent?.valueSize ?? headSize }
    /// The first of the components of a head that turn.
    public var firstTurned: Int { latent == nil ? 0 : headSize - rotarySize }

    /// Whether the queries or keys of a block are made by a layer of this kind.
    func hasAttention(_ module: Module) -> Bool? {
        switch module {
        case .query: return latent.map { $0.queryRank == nil } ?? true
        case .queryLatent, .queryLatentNorm, .queryExpansion: return latent?.queryRank != nil
        case .keyValueLatent, .keyValueLatentNorm, .keyValueExpansion: return latent != nil
        default: return nil
        }
    }

    /// - Throws: `ConfigurationError` naming a key that is missing.
    mutating func readLatent(_ json: JSONValue) throws {
        let (turned, plain) = (
            try ModelConfiguration.required("qk_rope_head_dim", json), try ModelConfiguration.required("qk_nope_head_dim", json)
        )
        let sizes = 1...ModelConfiguration.maximumDimension
        guard sizes.contains(turned), sizes.contains(plain) else {
            throw ConfigurationError("qk_rope_head_dim is \(turned) and qk_nope_head_dim \(plain)")
        }
        headSize = turned + plain
        latent = LatentAttention(
            queryRank: json["q_lora_rank"]?.integer, keyValueRank: try ModelConfiguration.required("kv_lora_rank", json),
            valueSize: try ModelConfiguration.required("v_head_dim", json))
    }

    /// What turns, and what scores are divided by, once the rest is known.
    package mutating func finishLatent(turned: Int) {
        guard latent != nil else { return }
        rotarySize = turned
        attentionScalar = Double(headSize)
        guard case .yarn(let yarn) = ropeScaling, let scale = yarn.scaleOfAll, scale != 0 else { return }
        let magnitude = yarn.magnitude(scale)
        attentionScalar /= magnitude * magnitude * magnitude * magnitude
    }

    var latentMembers: [(key: String, value: JSONValue)] {
        guard let latent else { return [] }
        return [
            ("q_lora_rank", latent.queryRank.map(JSONValue.integer) ?? .null), ("kv_lora_rank", .integer(latent.keyValueRank)),
            ("v_head_dim", .integer(latent.valueSize)), ("qk_rope_head_dim", .integer(rotarySize)),
            ("qk_nope_head_dim", .integer(headSize - rotarySize)),
        ]
    }

    /// - Throws: `ConfigurationError` for a value that no model can have.
    func checkLatent() throws {
        guard let latent else { return }
        for (name, value) in [
            ("q_lora_rank", latent.queryRank ?? 1), ("kv_lora_rank", latent.keyValueRank), ("v_head_dim", latent.valueSize),
        ] {
            guard value > 0, value <= ModelConfiguration.maximumDimension else { throw ConfigurationError("\(name) is \(value)") }
        }
        guard keyValueHeadCount == headCount else {
            throw ConfigurationError("num_key_value_heads \(keyValueHeadCount) is not num_attention_heads \(headCount)")
        }
    }
}
