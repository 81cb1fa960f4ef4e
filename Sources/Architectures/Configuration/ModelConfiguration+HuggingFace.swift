import FormatKit
import StrictJSON

extension ModelConfiguration {
    /// More than any config.json has, with a label for each of hundreds of thousands of classes.
    private static let maximumValueCount = 1 << 20

    /// Reads config.json of a known family.
    ///
    /// - Returns: nil when `model_type` names no family that is known.
    /// - Throws: `ConfigurationError` naming a key that is missing or has an impossible value; `FormatError` for bad JSON.
    public init?(configJSON bytes: [UInt8], path: String) throws {
        let json = try JSONValue(
            parsing: bytes, path: path, object: "config.json", maximumValueCount: ModelConfiguration.maximumValueCount)
        guard let type = json["model_type"]?.string, let family = ArchitectureFamily.ofModelType(type) else { return nil }
        func required(_ key: String) throws -> Int {
            guard let value = json[key]?.integer else { throw ConfigurationError("config.json has no integer '\(key)'") }
            return value
        }
        let keys = family.keys
        architecture = family.name
        vocabularySize = try required("vocab_size")
        hiddenSize = try required(keys.hiddenSize)
        if let factor = keys.intermediateFactor, json[keys.intermediateSize] == nil {
            intermediateSize = min(max(hiddenSize, 0), ModelConfiguration.maximumDimension) * factor
        } else {
            intermediateSize = try required(keys.intermediateSize)
        }
        blockCount = try required(keys.blockCount)
        headCount = try required(keys.headCount)
        keyValueHeadCount = json["num_key_value_heads"]?.integer ?? headCount
        headSize = json["head_dim"]?.integer ?? keys.headSize ?? (headCount > 0 ? hiddenSize / headCount : 0)
        contextLength = json[keys.contextLength]?.integer ?? 2048
        design = family.design
        normEpsilon = json[keys.normEpsilon]?.number ?? keys.defaultEpsilon
        let rope = try RopeSettings(json)
        ropeTheta = rope.theta
        ropeScaling = rope.scaling
        rotarySize = rope.turnedShare == 1 ? headSize : try ModelConfiguration.part(rope.turnedShare, of: headSize)
        tiesEmbeddings = json["tie_word_embeddings"]?.bool ?? keys.tiesEmbeddings
        tokenTypeCount = family.name(of: .tokenTypeEmbedding) == nil ? 0 : try required("type_vocab_size")
        attentionScalar = Double(headSize)
        if let usual = keys.attentionScalar { attentionScalar = json["query_pre_attn_scalar"]?.number ?? usual }
        if design.positions == .relative {
            let maximum = json["max_relative_positions"]?.integer.flatMap { $0 > 0 ? $0 : nil } ?? contextLength
            let buckets = json["position_buckets"]?.integer ?? -1
            distances = RelativeDistances(span: buckets > 0 ? buckets : maximum, hasBuckets: buckets > 0, maximum: maximum)
            // Tokens with tokens, tokens with distances, distances with tokens.
            attentionScalar *= 3
        }
        attentionSoftCap = ModelConfiguration.cap(json, "attn_logit_softcapping", keys.attentionSoftCap)
        logitSoftCap = ModelConfiguration.cap(json, "final_logit_softcapping", keys.logitSoftCap)
        window = try ModelConfiguration.window(json, keys)
        unsupportedFeatures = ModelConfiguration.unsupportedFeatures(in: json, family) + rope.unsupported
        // The activation is what the configuration names, as far as it can be run.
        if let named = ModelConfiguration.activationName(json, keys).flatMap(BlockDesign.Activation.init(configName:)) {
            design.activation = named
        }
        try checkInvariants()
    }

    /// A soft cap: absent means the family's own, null none.
    private static func cap(_ json: JSONValue, _ key: String, _ usual: Double?) -> Double? {
        guard usual != nil, let value = json.object?[key] else { return usual }
        return value.number
    }

    private static func part(_ share: Double, of size: Int) throws -> Int {
        guard share > 0, share <= 1 else { throw ConfigurationError("partial_rotary_factor is \(share)") }
        return Int(share * Double(size))
    }

    private static func activationName(_ json: JSONValue, _ keys: ConfigurationKeys) -> String? {
        keys.activation.lazy.compactMap { json[$0]?.string }.first
    }

    /// The sliding window, and the blocks that have it by "layer_types", by Qwen's settings, or as the family has it.
    private static func window(_ json: JSONValue, _ keys: ConfigurationKeys) throws -> AttentionWindow? {
        let size: Int?
        if let value = json.object?["sliding_window"] { size = value.integer } else { size = keys.window }
        guard let size, json["use_sliding_window"]?.bool != false else { return nil }
        if let types = json["layer_types"]?.array {
            let slides = try types.map { type -> Bool in
                switch type.string {
                case "sliding_attention": return true
                case "full_attention": return false
                default: throw ConfigurationError("layer_types has '\(type.string ?? "")'; sliding_attention and full_attention are known")
                }
            }
            return slides.contains(true) ? AttentionWindow(size: size, blocks: .listed(slides)) : nil
        }
        if json["use_sliding_window"]?.bool == true, let first = json["max_window_layers"]?.integer {
            return AttentionWindow(size: size, blocks: .from(max(first, 0)))
        }
        return AttentionWindow(size: size, blocks: keys.windowBlocks)
    }

    /// What DeBERTa has before its third version.
    private static func relativeFeatures(in json: JSONValue) -> [String] {
        var features: [String] = []
        let kinds =
            json["pos_att_type"]?.array?.compactMap(\.string) ?? (json["pos_att_type"]?.string ?? "").split(separator: "|").map(String.init)
        if Set(kinds) != ["c2p", "p2c"] { features.append("pos_att_type '\(kinds.joined(separator: "|"))'") }
        if json["norm_rel_ebd"]?.string != "layer_norm" { features.append("norm_rel_ebd '\(json["norm_rel_ebd"]?.string ?? "none")'") }
        for key in ["type_vocab_size", "conv_kernel_size"] {
            if let value = json[key]?.integer, value > 0 { features.append("\(key) \(value)") }
        }
        for key in ["embedding_size", "attention_head_size"] {
            let usual = key == "embedding_size" ? json["hidden_size"]?.integer : nil
            if let value = json[key]?.integer, value != usual { features.append("\(key) \(value)") }
        }
        return features
    }

    private static func unsupportedFeatures(in json: JSONValue, _ family: ArchitectureFamily) -> [String] {
        var features: [String] = []
        if let name = activationName(json, family.keys), BlockDesign.Activation(configName: name) == nil {
            features.append("\(family.keys.activation[0]) '\(name)'")
        }
        for (key, value) in family.fixedSettings.sorted(by: { $0.key < $1.key }) {
            if let found = json[key]?.bool ?? family.silentSettings[key], found != value { features.append("\(key) \(found)") }
        }
        if let kind = json["position_embedding_type"]?.string, kind != "absolute" { features.append("position_embedding_type '\(kind)'") }
        if let width = json["word_embed_proj_dim"]?.integer, width != json[family.keys.hiddenSize]?.integer {
            features.append("word_embed_proj_dim \(width)")
        }
        if family.design.positions == .relative { features += relativeFeatures(in: json) }
        if let quantization = json["quantization_config"] {
            // Its weights are nothing without their scales.
            features.append("quantization_config '\(quantization["quant_method"]?.string ?? "")'")
        }
        return features
    }
}

/// The rotary settings of config.json: under keys of their own, or in the object that transformers 5 has for them.
private struct RopeSettings {
    var theta = 10000.0
    var turnedShare = 1.0
    var scaling = RopeScaling.none
    var unsupported: [String] = []

    init(_ json: JSONValue) throws {
        let object = [json["rope_parameters"], json["rope_scaling"]].compactMap { $0 }.first { $0.object != nil }
        theta = object?["rope_theta"]?.number ?? json["rope_theta"]?.number ?? theta
        turnedShare = object?["partial_rotary_factor"]?.number ?? json["partial_rotary_factor"]?.number ?? turnedShare
        guard let object else { return }
        func factor(_ key: String) throws -> Double {
            guard let value = object[key]?.number else { throw ConfigurationError("the rotary settings have no number '\(key)'") }
            return value
        }
        switch object["rope_type"]?.string ?? object["type"]?.string ?? "default" {
        case "default": break
        case "linear": scaling = .linear(try factor("factor"))
        case "llama3":
            guard let original = object["original_max_position_embeddings"]?.integer else {
                throw ConfigurationError("the rotary settings have no integer 'original_max_position_embeddings'")
            }
            scaling = .llama3(
                factor: try factor("factor"), lowFrequencyFactor: try factor("low_freq_factor"),
                highFrequencyFactor: try factor("high_freq_factor"), originalContext: original)
        case let type: unsupported.append("rope_scaling '\(type)'")
        }
    }
}
