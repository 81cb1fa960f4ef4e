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
            parsing: bytes, path: path, object: "config.json", takesInfinity: true,
            maximumValueCount: ModelConfiguration.maximumValueCount)
        let part = try LanguagePart(json)
        try self.init(part?.json ?? json)
        if let part {
            vision = part.whole
            unknownKeys = part.unknownKeys(unknownKeys)
        }
    }

    /// Nil when `model_type` names no family that is known.
    private init?(_ json: JSONValue) throws {
        guard let family = ArchitectureFamily.of(json) else { return nil }
        let keys = family.keys
        self.init(family: family)
        try readSizes(json, keys)
        if let key = keys.linearPositions, json[key]?.bool == true { (design.positions, design.roundsDistances) = (.linear, true) }
        if keys.isLatent { try readLatent(json) }
        if let keys = keys.blockKinds { try readBlockKinds(json, keys) }
        if let key = keys.rotaryChoice { design.positions = json[key]?.string == "rope" ? .rotary : .none }
        let isMixed = keys.blockKinds != nil
        if let keys = keys.stateSpace, !isMixed || blockParts?.contains(where: { $0.mixer == .stateSpace }) == true {
            try readStateSpace(json, keys)
        }
        try readExperts(json, keys.experts)
        if keys.parallel != nil { design.isParallel = keys.parallel.flatMap { json[$0]?.bool } ?? design.isParallel }
        normEpsilon = keys.normEpsilon.flatMap { json[$0]?.number } ?? keys.defaultEpsilon
        tiesEmbeddings = json["tie_word_embeddings"]?.bool ?? keys.tiesEmbeddings
        if family.name(of: .tokenTypeEmbedding) != nil { tokenTypeCount = try ModelConfiguration.required("type_vocab_size", json) }
        try readAttention(json, keys)
        unsupportedFeatures = ModelConfiguration.unsupportedFeatures(in: json, family)
        try readWindow(json, keys)
        try readRotary(json, keys)
        try readRotarySections(json, keys)
        if let turned = json["qk_rope_head_dim"]?.integer { finishLatent(turned: turned) }
        if let key = keys.headNorms, json[key]?.bool == true { design.headNorm = .each }
        if let key = keys.perHeadNorms, json[key]?.bool == true { design.headNorm = .perHead }
        if let key = keys.neighbours { design.turnsNeighbours = json[key]?.bool ?? true }
        if keys.normalisesTurned {
            design.normalisesTurned = json["use_qk_norm"]?.bool ?? true
            if json["attn_temperature_tuning"]?.bool ?? true {
                temperature = QueryTemperature(scale: json["attn_scale"]?.number ?? 0.1, floor: json["floor_scale"]?.number ?? 8192)
            }
        }
        if !family.biasSettings.isEmpty {
            biasedModules = Set(family.biasSettings.filter { $0.key.flatMap { json[$0]?.bool } ?? $0.usual }.flatMap(\.modules))
        }
        try readScales(json, keys.scales)
        readClassifier(json, family)
        unknownKeys = family.unknownKeys(among: json.object?.keys ?? [])
        // The activation is what the configuration names, as far as it can be run.
        if let named = ModelConfiguration.activationName(json, keys).flatMap(BlockDesign.Activation.init(configName:)) {
            design.activation = keys.approximatesGELU && named == .gelu ? .geluTanh : named
        }
        if keys.clampsGate {
            let (alpha, limit) = (json["swiglu_alpha"]?.number ?? 1.702, json["swiglu_limit"]?.number ?? 7)
            design.gateClamp = BlockDesign.GateClamp(alpha: alpha, limit: limit)
            if design.activation != .silu { unsupportedFeatures.append("hidden_act '\(design.activation.configName)'") }
        }
        try checkInvariants()
    }

    static func required(_ key: String, _ json: JSONValue) throws -> Int {
        guard let value = json[key]?.integer else { throw ConfigurationError("config.json has no integer '\(key)'") }
        return value
    }

    private mutating func readSizes(_ json: JSONValue, _ keys: ConfigurationKeys) throws {
        func required(_ key: String) throws -> Int {
            try keys.otherNames[key].flatMap { json[key] == nil ? json[$0]?.integer : nil } ?? ModelConfiguration.required(key, json)
        }
        vocabularySize = try required("vocab_size")
        hiddenSize = try required(keys.hiddenSize)
        if keys.stateSpace != nil, keys.blockKinds == nil {
            (blockCount, contextLength) = (try required(keys.blockCount), StateSpace.contextLength)
            return
        }
        let named = keys.intermediateSize.flatMap { json[$0] }
        if let factor = keys.intermediateFactor, named == nil {
            intermediateSize = min(max(hiddenSize, 0), ModelConfiguration.maximumDimension) * factor
        } else {
            intermediateSize = try required(keys.intermediateSize ?? "intermediate_size")
        }
        if keys.adjustsIntermediateSize, json["block_auto_adjust_ff_dim"]?.bool != false { try adjustIntermediateSize(json) }
        // Those whose kinds are listed need not be counted.
        let listed = json[keys.blockCount] == nil ? try keys.blockKinds?.parts(json, blockCount: nil) : nil
        blockCount = try listed?.count ?? required(keys.blockCount)
        headCount = try required(keys.headCount)
        keyValueHeadCount = keys.keyValueHeadCount.flatMap { json[$0]?.integer } ?? headCount
        if let key = keys.oneKeyHead, json["new_decoder_architecture"]?.bool != true {
            keyValueHeadCount = json[key]?.bool == false ? headCount : 1
        }
        // What no model has is refused below; until then products with it must fit.
        defer { headSize = min(max(headSize, 0), ModelConfiguration.maximumDimension + 1) }
        headSize = keys.headDimension.flatMap { json[$0]?.integer } ?? keys.headSize ?? (headCount > 0 ? hiddenSize / headCount : 0)
        contextLength = (try? required(keys.contextLength)) ?? 2048
        if let key = keys.embeddingWidth {
            let width = json[key]?.integer ?? 128
            if width != hiddenSize { embeddingSize = width }
        }
        if let key = keys.ownBlockCount { ownBlockCount = json[key]?.integer ?? 1 }
        if keys.startsAfterPadding {
            let padding = json["pad_token_id"]?.integer ?? 1
            guard padding >= 0, padding < ModelConfiguration.maximumDimension else {
                throw ConfigurationError("pad_token_id is \(padding)")
            }
            design.firstPosition = padding + 1
            contextLength = min(contextLength, ModelConfiguration.maximumDimension) - design.firstPosition
        }
    }

    /// Two thirds of what is said, times a factor, rounded up to a multiple (LFM2).
    private mutating func adjustIntermediateSize(_ json: JSONValue) throws {
        let sizes = 1...ModelConfiguration.maximumDimension
        let multiple = json["block_multiple_of"]?.integer ?? 256
        let factor = json["block_ffn_dim_multiplier"]?.number ?? 1
        let adjusted = (factor * (2 * Double(intermediateSize) / 3).rounded(.towardZero)).rounded(.towardZero)
        guard sizes.contains(multiple), sizes.contains(intermediateSize), adjusted >= 1, adjusted <= Double(sizes.upperBound) else {
            throw ConfigurationError(
                "intermediate_size is \(intermediateSize), with block_ffn_dim_multiplier \(factor) and block_multiple_of \(multiple)")
        }
        intermediateSize = (Int(adjusted) + multiple - 1) / multiple * multiple
    }

    private mutating func readAttention(_ json: JSONValue, _ keys: ConfigurationKeys) throws {
        attentionScalar = isAttentionFree ? 1 : Double(headSize)
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
    }

    /// A soft cap: absent means the family's own, null none.
    private static func cap(_ json: JSONValue, _ key: String, _ usual: Double?) -> Double? {
        guard let usual else { return nil }
        guard let value = json.object?[key] else { return usual == 0 ? nil : usual }
        return value.number
    }

    /// Scores are multiplied by m, which is 1 / √(1 / m²).
    private mutating func readScales(_ json: JSONValue, _ keys: ScaleKeys) throws {
        func number(_ key: String?, _ usual: Double = 1) -> Double { key.flatMap { json[$0]?.number } ?? usual }
        if keys.attention != nil {
            let multiplier = number(keys.attention)
            guard multiplier > 0, multiplier.isFinite else { throw ConfigurationError("attention_multiplier is \(multiplier)") }
            attentionScalar = 1 / (multiplier * multiplier)
        }
        embeddingMultiplier = number(keys.embedding)
        residualMultiplier = number(keys.residual)
        logitMultiplier = number(keys.logit, keys.defaultLogit)
        if keys.logitDivisor != nil {
            let divisor = number(keys.logitDivisor)
            guard divisor != 0 else { throw ConfigurationError("logits_scaling is 0") }
            logitMultiplier = 1 / divisor
        }
    }

    static func activationName(_ json: JSONValue, _ keys: ConfigurationKeys) -> String? {
        keys.activation.lazy.compactMap { json[$0]?.string }.first
    }
}
