import FormatKit
import FoundationEssentials
import StrictJSON

extension ModelConfiguration {
    /// Reads config.json of a known family.
    ///
    /// - Returns: nil when `model_type` names no family that is known.
    /// - Throws: `ConfigurationError` naming a key that is missing or has an impossible value; `FormatError` for bad JSON.
    public init?(configJSON bytes: [UInt8], path: String) throws {
        let json = try JSONValue(parsing: bytes, path: path, object: "config.json")
        guard let type = json["model_type"]?.string, let family = ArchitectureFamily.ofModelType(type) else { return nil }
        func required(_ key: String) throws -> Int {
            guard let value = json[key]?.integer else { throw ConfigurationError("config.json has no integer '\(key)'") }
            return value
        }
        architecture = family.name
        vocabularySize = try required("vocab_size")
        hiddenSize = try required("hidden_size")
        intermediateSize = try required("intermediate_size")
        blockCount = try required("num_hidden_layers")
        headCount = try required("num_attention_heads")
        keyValueHeadCount = json["num_key_value_heads"]?.integer ?? headCount
        headSize = json["head_dim"]?.integer ?? (headCount > 0 ? hiddenSize / headCount : 0)
        contextLength = json["max_position_embeddings"]?.integer ?? 2048
        design = family.design
        normEpsilon = json["rms_norm_eps"]?.number ?? json["layer_norm_eps"]?.number ?? (design.norm == .layer ? 1e-12 : 1e-6)
        // transformers 5 moved the rotary settings into an object of their own.
        let rope = json["rope_parameters"]
        ropeTheta = json["rope_theta"]?.number ?? rope?["rope_theta"]?.number ?? 10000
        tiesEmbeddings = json["tie_word_embeddings"]?.bool ?? false
        tokenTypeCount = family.name(of: .tokenTypeEmbedding) == nil ? 0 : try required("type_vocab_size")
        unsupportedFeatures = ModelConfiguration.unsupportedFeatures(in: json, family)
        // A gated perceptron is silu in every family so far; a plain one has the activation that the configuration names.
        if !design.isGated, let named = json["hidden_act"]?.string.flatMap(BlockDesign.Activation.init(configName:)) {
            design.activation = named
        }
        try checkInvariants()
    }

    private static func unsupportedFeatures(in json: JSONValue, _ family: ArchitectureFamily) -> [String] {
        var features: [String] = []
        if let name = json["hidden_act"]?.string {
            let activation = BlockDesign.Activation(configName: name)
            if activation == nil || family.design.isGated && activation != family.design.activation {
                features.append("hidden_act '\(name)'")
            }
        }
        if let kind = json["position_embedding_type"]?.string, kind != "absolute" { features.append("position_embedding_type '\(kind)'") }
        if family.design.positions == .learned, json["is_decoder"]?.bool == true { features.append("is_decoder") }
        if let scaling = json["rope_scaling"], scaling != .null { features.append("rope_scaling") }
        if let type = json["rope_parameters"]?["rope_type"]?.string, type != "default" { features.append("rope_type '\(type)'") }
        if let quantization = json["quantization_config"] {
            // Its weights are nothing without their scales.
            features.append("quantization_config '\(quantization["quant_method"]?.string ?? "")'")
        }
        for key in ["attention_bias", "mlp_bias"] where json[key]?.bool == true { features.append(key) }
        return features
    }

    /// A config.json that transformers loads, for a model that came without one.
    public func configJSON(dtype: String, bosTokenID: Int?, eosTokenID: Int?) throws -> [UInt8] {
        let file = HuggingFaceConfiguration(
            architectures: [ArchitectureFamily.named(architecture)?.className].compactMap { $0 },
            model_type: architecture, vocab_size: vocabularySize, hidden_size: hiddenSize,
            intermediate_size: intermediateSize, num_hidden_layers: blockCount, num_attention_heads: headCount,
            num_key_value_heads: keyValueHeadCount, head_dim: headSize, max_position_embeddings: contextLength,
            rms_norm_eps: normEpsilon, rope_theta: ropeTheta, hidden_act: "silu", tie_word_embeddings: tiesEmbeddings,
            attention_bias: false, mlp_bias: false, bos_token_id: bosTokenID, eos_token_id: eosTokenID, torch_dtype: dtype)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return Array(try encoder.encode(file)) + [UInt8(ascii: "\n")]
    }
}

/// The keys of config.json, by their own names.
private struct HuggingFaceConfiguration: Encodable {
    let architectures: [String]
    let model_type: String
    let vocab_size: Int
    let hidden_size: Int
    let intermediate_size: Int
    let num_hidden_layers: Int
    let num_attention_heads: Int
    let num_key_value_heads: Int
    let head_dim: Int
    let max_position_embeddings: Int
    let rms_norm_eps: Double
    let rope_theta: Double
    let hidden_act: String
    let tie_word_embeddings: Bool
    let attention_bias: Bool
    let mlp_bias: Bool
    let bos_token_id: Int?
    let eos_token_id: Int?
    let torch_dtype: String
}
