import Architectures
import ModelGraph

extension ModelConfiguration {
    /// Reads the hyperparameters from GGUF metadata (`general.architecture` and `<architecture>.…`).
    ///
    /// - Parameters:
    ///   - vocabularySize: rows of the embedding, for files without the key.
    ///   - tiesEmbeddings: whether the file has no output tensor of its own.
    ///   - ropeDivisors: the values of `rope_freqs.weight`, where the file has it.
    /// - Returns: nil when the architecture is not a known family.
    /// - Throws: `ConfigurationError` naming a key that is missing or has an impossible value.
    init?(metadata: Metadata, vocabularySize fallback: Int?, tiesEmbeddings: Bool, ropeDivisors: [Float]? = nil) throws {
        guard let name = metadata["general.architecture"]?.string, let family = ArchitectureFamily.ofGGUF(name) else { return nil }
        func value(_ key: String) -> MetadataValue? { metadata["\(name).\(key)"] }
        func required(_ key: String) throws -> Int {
            guard let value = value(key)?.integer else { throw ConfigurationError("metadata has no integer '\(name).\(key)'") }
            return value
        }
        self.init(family: family)
        hiddenSize = try required("embedding_length")
        intermediateSize = try required("feed_forward_length")
        blockCount = try required("block_count")
        headCount = try required("attention.head_count")
        keyValueHeadCount = value("attention.head_count_kv")?.integer ?? headCount
        contextLength = try required("context_length")
        rotarySize = value("rope.dimension_count")?.integer ?? 0
        headSize =
            value("attention.key_length")?.integer
            ?? (rotarySize > 0 && name == "llama" ? rotarySize : headCount > 0 ? hiddenSize / headCount : 0)
        if rotarySize == 0 { rotarySize = headSize }
        normEpsilon = ModelConfiguration.shortest(value(ModelConfiguration.epsilonKey(design))) ?? 1e-5
        ropeTheta = ModelConfiguration.shortest(value("rope.freq_base")) ?? 10000
        guard let size = value("vocab_size")?.integer ?? metadata["tokenizer.ggml.tokens"]?.array?.count ?? fallback
        else { throw ConfigurationError("metadata has no '\(name).vocab_size'") }
        vocabularySize = size
        self.tiesEmbeddings = tiesEmbeddings
        attentionScalar = Double(headSize)
        // llama.cpp knows the one Gemma 2 whose scores are divided by something else by its depth.
        if family.keys.attentionScalar != nil, blockCount == 46, headCount > 0 { attentionScalar = Double(hiddenSize / headCount) }
        if family.keys.attentionSoftCap != nil {
            attentionSoftCap = ModelConfiguration.shortest(value("attn_logit_softcapping"))
            logitSoftCap = ModelConfiguration.shortest(value("final_logit_softcapping"))
        }
        if let size = value("attention.sliding_window")?.integer, size > 0 {
            window = AttentionWindow(size: size, blocks: family.keys.windowBlocks)
        }
        if family.name(of: .tokenTypeEmbedding) != nil { tokenTypeCount = metadata["tokenizer.ggml.token_type_count"]?.integer ?? 2 }
        try readRopeScaling(metadata, name, ropeDivisors)
        if let experts = value("expert_count")?.integer, experts > 0 { unsupportedFeatures.append("experts") }
        try checkInvariants()
    }

    private mutating func readRopeScaling(_ metadata: Metadata, _ name: String, _ divisors: [Float]?) throws {
        switch metadata["\(name).rope.scaling.type"]?.string ?? "none" {
        case "none": break
        case "linear": ropeScaling = .linear(ModelConfiguration.shortest(metadata["\(name).rope.scaling.factor"]) ?? 1)
        case let type: unsupportedFeatures.append("rope.scaling.type '\(type)'")
        }
        guard let divisors else { return }
        if ropeScaling == .none, divisors.count == rotarySize / 2,
            let scaling = RopeScaling(divisors: divisors, frequencies: rotaryFrequencies)
        {
            ropeScaling = scaling
        } else {
            unsupportedFeatures.append("rope_freqs.weight")
        }
    }

    /// A float32 as the decimal number that it was written from: 1e-5, not 9.999999747e-06.
    private static func shortest(_ value: MetadataValue?) -> Double? {
        if case .float32(let float)? = value { return Double("\(float)") }
        return value?.number
    }

    private static func epsilonKey(_ design: BlockDesign) -> String {
        design.norm == .layer ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon"
    }

    /// The hyperparameters as llama.cpp's converter writes them, without `general.architecture` and the tokenizer; empty for families
    /// that llama.cpp does not know.
    var ggufMetadata: [(key: String, value: MetadataValue)] {
        guard let name = family?.ggufName else { return [] }
        func count(_ value: Int) -> MetadataValue { .uint32(UInt32(clamping: value)) }
        func float(_ value: Double) -> MetadataValue { .float32(Float(value)) }
        var entries: [(key: String, value: MetadataValue)] = [
            ("block_count", count(blockCount)), ("context_length", count(contextLength)), ("embedding_length", count(hiddenSize)),
            ("feed_forward_length", count(intermediateSize)), ("attention.head_count", count(headCount)),
            ("attention.head_count_kv", count(keyValueHeadCount)),
        ]
        if design.positions == .rotary { entries.append(("rope.freq_base", float(ropeTheta))) }
        entries += [
            (ModelConfiguration.epsilonKey(design), float(normEpsilon)), ("attention.key_length", count(headSize)),
            ("attention.value_length", count(headSize)), ("vocab_size", count(vocabularySize)),
        ]
        if design.positions == .rotary { entries.append(("rope.dimension_count", count(rotarySize))) }
        if case .linear(let factor) = ropeScaling {
            entries += [("rope.scaling.type", .string("linear")), ("rope.scaling.factor", float(factor))]
        }
        if let attentionSoftCap { entries.append(("attn_logit_softcapping", float(attentionSoftCap))) }
        if let logitSoftCap { entries.append(("final_logit_softcapping", float(logitSoftCap))) }
        if let window { entries.append(("attention.sliding_window", count(window.size))) }
        if !design.isCausal {
            // The mean over tokens, which is what embeddings are made of here.
            entries += [("attention.causal", .bool(false)), ("pooling_type", count(1))]
        }
        return entries.map { ("\(name).\($0.key)", $0.value) }
    }

    /// Whether llama.cpp has the activation: it knows one a family.
    var hasActivationOfGGUF: Bool { family?.ggufName == nil || family?.design.activation == design.activation }

    /// What llama.cpp would compute otherwise than the configuration says: reasons, for warnings.
    var differencesInGGUF: [String] {
        var reasons: [String] = []
        guard let family, family.ggufName != nil else { return reasons }
        if let window, window.size < contextLength {
            if !family.slidesInGGUF {
                reasons.append("llama.cpp lets positions of this family see beyond the sliding window of \(window.size)")
            } else if (0..<min(blockCount, 1024)).contains(where: {
                window.size(inBlock: $0) != AttentionWindow(size: window.size, blocks: family.keys.windowBlocks).size(inBlock: $0)
            }) {
                reasons.append("llama.cpp has the sliding window in other blocks than layer_types says")
            }
        }
        let divisor = blockCount == 46 && family.keys.attentionScalar != nil ? hiddenSize / headCount : headSize
        if attentionScalar != Double(divisor) {
            reasons.append("llama.cpp divides scores by the root of \(divisor), not of query_pre_attn_scalar \(attentionScalar)")
        }
        return reasons
    }
}
