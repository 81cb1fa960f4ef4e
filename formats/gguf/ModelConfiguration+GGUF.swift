import Architectures
import ModelGraph

extension ModelConfiguration {
    /// Reads the hyperparameters from GGUF metadata (`general.architecture` and `<architecture>.…`).
    ///
    /// - Parameters:
    ///   - vocabularySize: rows of the embedding, for files without the key.
    ///   - tiesEmbeddings: whether the file has no output tensor of its own.
    ///   - ropeDivisors: what the file divides rotary frequencies by, where it has such tensors.
    /// - Returns: nil when the architecture is not a known family.
    /// - Throws: `ConfigurationError` naming a key that is missing or has an impossible value.
    init?(
        metadata: Metadata, family known: ArchitectureFamily? = nil, vocabularySize fallback: Int?, tiesEmbeddings: Bool,
        ropeDivisors: RopeDivisors? = nil
    ) throws {
        guard let name = metadata["general.architecture"]?.string, let family = known ?? ArchitectureFamily.ofGGUF(name) else { return nil }
        func value(_ key: String) -> MetadataValue? { metadata["\(name).\(key)"] }
        /// A number, or one for each block, all the same.
        func optional(_ key: String) throws -> Int? {
            guard let list = value(key)?.array else { return value(key)?.integer }
            let numbers = Set(list.map(\.integer))
            guard numbers.count == 1, let number = numbers.first ?? nil else {
                throw ConfigurationError("'\(name).\(key)' is not the same in every block")
            }
            return number
        }
        func required(_ key: String) throws -> Int {
            guard let value = try optional(key) else { throw ConfigurationError("metadata has no integer '\(name).\(key)'") }
            return value
        }
        self.init(family: family)
        hiddenSize = try required("embedding_length")
        // Those that predict further tokens are counted too.
        let further = family.hasPredictionBlocks ? value("nextn_predict_layers")?.integer ?? 0 : 0
        blockCount = try required("block_count") - min(max(further, 0), 1 << 16)
        contextLength = try required("context_length")
        if let keys = family.keys.stateSpace, family.keys.blockKinds == nil {
            try readStateSpace(keys, required)
        } else {
            headCount = try required("attention.head_count")
            if let keys = family.keys.blockKinds {
                try readBlockKinds(keys, name, metadata, required)
            } else {
                intermediateSize = try required("feed_forward_length")
                keyValueHeadCount = try optional("attention.head_count_kv") ?? headCount
            }
            rotarySize = value("rope.dimension_count")?.integer ?? 0
            headSize =
                value("attention.key_length")?.integer
                ?? (rotarySize > 0 && name == "llama" ? rotarySize : headCount > 0 ? hiddenSize / headCount : 0)
            if rotarySize == 0 { rotarySize = headSize }
        }
        normEpsilon = ModelConfiguration.shortest(value(ModelConfiguration.epsilonKey(design))) ?? 1e-5
        // llama.cpp has one for all norms.
        if stateSpace?.mixerEpsilon != nil { stateSpace?.mixerEpsilon = normEpsilon }
        try readRotaryChoice(value, family)
        ropeTheta = ModelConfiguration.shortest(value("rope.freq_base")) ?? 10000
        guard let size = value("vocab_size")?.integer ?? metadata["tokenizer.ggml.tokens"]?.array?.count ?? fallback
        else { throw ConfigurationError("metadata has no '\(name).vocab_size'") }
        vocabularySize = size
        self.tiesEmbeddings = tiesEmbeddings
        if family.keys.parallel != nil, let flag = value("use_parallel_residual")?.bool { design.isParallel = flag }
        readScores(value, family)
        if family.name(of: .tokenTypeEmbedding) != nil { tokenTypeCount = metadata["tokenizer.ggml.token_type_count"]?.integer ?? 2 }
        if let theta = family.keys.rotary.localTheta {
            let usual = family.keys.rotary.hasOneThetaInGGUF ? ropeTheta : theta
            localRopeTheta = ModelConfiguration.shortest(value("rope.freq_base_swa")) ?? usual
        }
        unturned = family.keys.rotary.unturned
        readRotarySections(value, family)
        try readRopeScaling(metadata, name, ropeDivisors)
        try readExperts(value, family)
        try readLatent(value, family)
        readQueryScales(family)
        readTemperature(value, family)
        try checkInvariants()
    }

    /// What scores, outputs and logits are multiplied by, caps, and the window.
    private mutating func readScores(_ value: (String) -> MetadataValue?, _ family: ArchitectureFamily) {
        attentionScalar = isAttentionFree ? 1 : Double(headSize)
        // llama.cpp knows by its depth the one Gemma whose scores are divided by something else.
        if blockCount == family.squareRootDepth, headCount > 0 { attentionScalar = Double(hiddenSize / headCount) }
        if family.keys.attentionSoftCap != nil { attentionSoftCap = ModelConfiguration.shortest(value("attn_logit_softcapping")) }
        if family.keys.logitSoftCap != nil { logitSoftCap = ModelConfiguration.shortest(value("final_logit_softcapping")) }
        let windowSize =
            value("attention.sliding_window")?.integer ?? (family.keys.window?.isChunked == true ? family.keys.window?.size : nil)
        if let keys = family.keys.window, keys.bothSides != nil, let size = windowSize, size > 0 {
            // Half of it is to either side, in all blocks but the first of every so many.
            let step = value("attention.sliding_window_pattern")?.integer ?? ModelConfiguration.stepOfBothSides
            let slides = (0..<min(max(blockCount, 0), 1 << 16)).map { step > 0 && $0 % step != 0 }
            if slides.contains(true) { window = AttentionWindow(size: size / 2, blocks: .listed(slides)) }
        } else if let keys = family.keys.window, let size = windowSize, size > 0 {
            defer { window?.isChunked = keys.isChunked }
            let pattern = value("attention.sliding_window_pattern")
            if let list = pattern?.array {
                window = AttentionWindow(size: size, blocks: .listed(list.map { $0.bool == true }))
            } else {
                let step = pattern?.integer ?? 0
                window = AttentionWindow(size: size, blocks: step > 0 ? .allButEvery(step) : keys.blocks)
            }
        }
        let scales = family.keys.scales
        func scale(_ key: String?, _ name: String) -> Double {
            let number = ModelConfiguration.shortest(value(name)) ?? 1
            // llama.cpp multiplies by none where it is 0.
            let isNone = number == 0 || number == 1
            if key == nil, !isNone { unsupportedFeatures.append("\(name) \(number)") }
            return key == nil || isNone ? 1 : number
        }
        let attention = ModelConfiguration.shortest(value("attention.scale")) ?? 0
        if attention != 0 {
            if scales.attention == nil { unsupportedFeatures.append("attention.scale \(attention)") }
            attentionScalar = 1 / (attention * attention)
        }
        embeddingMultiplier = scale(scales.embedding, "embedding_scale")
        residualMultiplier = scale(scales.residual, "residual_scale")
        let logit = scale(scales.logit ?? scales.logitDivisor, "logit_scale")
        logitMultiplier = scales.logitDivisor == nil ? logit : 1 / logit
    }

    private mutating func readRopeScaling(_ metadata: Metadata, _ name: String, _ tensors: RopeDivisors?) throws {
        // What files had before there were types.
        let older = ModelConfiguration.shortest(metadata["\(name).rope.scale_linear"])
        switch metadata["\(name).rope.scaling.type"]?.string ?? "none" {
        case "none": if let older, older != 0, older != 1 { ropeScaling = .linear(older) }
        case "linear": ropeScaling = .linear(ModelConfiguration.shortest(metadata["\(name).rope.scaling.factor"]) ?? 1)
        case "yarn": ropeScaling = .yarn(yarn(metadata, name))
        case "longrope" where tensors?.long != nil: break
        case let type: unsupportedFeatures.append("rope.scaling.type '\(type)'")
        }
        if let short = tensors?.short, let long = tensors?.long, family?.keys.hasLongRope == true {
            ropeScaling = .longRope(longRope(metadata, name, short: short, long: long))
        } else if tensors?.short != nil || tensors?.long != nil {
            unsupportedFeatures.append(GGUFNaming.longDivisorsName)
        }
        guard let divisors = tensors?.usual else { return }
        if ropeScaling == .none, divisors.count == rotarySize / 2,
            let scaling = RopeScaling(divisors: divisors, frequencies: rotaryFrequencies, theta: ropeTheta)
        {
            ropeScaling = scaling
        } else {
            unsupportedFeatures.append("rope_freqs.weight")
        }
    }

    /// A float32 as the decimal number that it was written from: 1e-5, not 9.999999747e-06.
    static func shortest(_ value: MetadataValue?) -> Double? {
        if case .float32(let float)? = value { return Double("\(float)") }
        return value?.number
    }

    static func epsilonKey(_ design: BlockDesign) -> String {
        [.rootMeanSquare, .rootMeanSquareOffset].contains(design.norm)
            ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon"
    }

    /// The hyperparameters as llama.cpp's converter writes them, without `general.architecture` and the tokenizer; empty for families
    /// that llama.cpp does not know.
    var ggufMetadata: [(key: String, value: MetadataValue)] {
        guard let name = family?.ggufName else { return [] }
        func count(_ value: Int) -> MetadataValue { .uint32(UInt32(clamping: value)) }
        func float(_ value: Double) -> MetadataValue { .float32(Float(value)) }
        if let entries = ggufStateSpace { return entries.map { ("\(name).\($0.key)", $0.value) } }
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
        if case .yarn(let yarn) = ropeScaling {
            let hasMultiplier = latent != nil || family?.keys.rotary.usualTemperature != nil
            entries += yarn.ggufMetadata(float, hasMultiplier: hasMultiplier)
        }
        if case .longRope(let long) = ropeScaling { entries += long.ggufMetadata }
        if let attentionSoftCap { entries.append(("attn_logit_softcapping", float(attentionSoftCap))) }
        if let logitSoftCap { entries.append(("final_logit_softcapping", float(logitSoftCap))) }
        if let window {
            let reachesBothWays = family?.keys.window?.bothSides != nil
            entries.append(("attention.sliding_window", count(reachesBothWays ? 2 * window.size : window.size)))
            if reachesBothWays { entries.append(("attention.sliding_window_pattern", count(stepOfWindows))) }
            if family?.listsWindowsInGGUF == true {
                let slides = (0..<min(blockCount, 1 << 16)).map { MetadataValue.bool(window.size(inBlock: $0) != nil) }
                entries.append(("attention.sliding_window_pattern", .array(.bool, slides)))
            }
        }
        entries += ggufBlockKinds + ggufExperts + ggufLatent + ggufTemperature + ggufRotarySections
        if let localRopeTheta { entries.append(("rope.freq_base_swa", float(localRopeTheta))) }
        if family?.keys.parallel != nil { entries.append(("use_parallel_residual", .bool(design.isParallel))) }
        entries += ggufScales.map { ($0.key, float($0.value)) }
        if !design.isCausal {
            // The mean over tokens, which is what embeddings are made of here.
            entries += [("attention.causal", .bool(false)), ("pooling_type", count(1))]
        }
        // Of two values of a key the last one holds.
        let last = Dictionary(entries.map { ($0.key, $0.value) }) { $1 }
        var seen: Set<String> = []
        return entries.filter { seen.insert($0.key).inserted }.map { ("\(name).\($0.key)", last[$0.key] ?? $0.value) }
    }

    private static let stepOfBothSides = 3

    /// From a block without a window to the next, as an encoder's first ones have it; `blockCount` where no other block is without.
    private var stepOfWindows: Int {
        let blocks = 1..<max(min(blockCount, 1 << 16), 1)
        return blocks.first { window?.size(inBlock: $0) == nil } ?? max(blockCount, 1)
    }

    private var ggufScales: [(key: String, value: Double)] {
        guard let keys = family?.keys.scales else { return [] }
        let scales = [
            (keys.attention, "attention.scale", 1 / attentionScalar.squareRoot()), (keys.embedding, "embedding_scale", embeddingMultiplier),
            (keys.residual, "residual_scale", residualMultiplier), (keys.logit, "logit_scale", logitMultiplier),
            (keys.logitDivisor, "logit_scale", 1 / logitMultiplier),
        ]
        return scales.compactMap { $0.0 == nil ? nil : ($0.1, $0.2) }
    }

    /// Whether llama.cpp has the activation: it knows one a family.
    var hasActivationOfGGUF: Bool { family?.ggufName == nil || family?.design.activation == design.activation }

    /// What llama.cpp would compute otherwise than the configuration says: reasons, for warnings.
    var differencesInGGUF: [String] {
        var reasons: [String] = []
        guard let family, family.ggufName != nil else { return reasons }
        reasons += differencesOfStateSpaceInGGUF
        if isAttentionFree { return reasons }
        let blocks = 0..<min(blockCount, 1024)
        reasons += differencesOfExpertsInGGUF + differencesOfAttentionInGGUF
        if let window, window.size < contextLength, !window.isChunked || family.keys.window?.isChunked == true {
            if !family.slidesInGGUF {
                reasons.append("llama.cpp lets positions of this family see beyond the sliding window of \(window.size)")
            } else if family.keys.window?.bothSides != nil {
                if blocks.contains(where: { (window.size(inBlock: $0) != nil) != ($0 % stepOfWindows != 0) }) {
                    reasons.append("llama.cpp has the window in other blocks than layer_types says")
                }
            } else if !family.listsWindowsInGGUF, let usual = family.keys.window?.blocks,
                blocks.contains(where: {
                    window.size(inBlock: $0) != AttentionWindow(size: window.size, blocks: usual).size(inBlock: $0)
                })
            {
                reasons.append("llama.cpp has the sliding window in other blocks than layer_types says")
            }
        }
        if family.keys.rotary.hasOneThetaInGGUF, let localRopeTheta, localRopeTheta != ropeTheta {
            reasons.append("llama.cpp turns queries and keys of blocks with a window by \(ropeTheta), not by \(localRopeTheta)")
        }
        if case .every(let step) = family.keys.rotary.unturned,
            blocks.contains(where: { (rotation(inBlock: $0) == .none) != ($0 % step == step - 1) })
        {
            reasons.append("llama.cpp turns queries and keys in other blocks than no_rope_layers says")
        }
        if headCount * headSize != hiddenSize, !family.hasFreeHeadSizeInGGUF {
            reasons.append("llama.cpp will not load the file: heads of this family are together as wide as the hidden state")
        }
        if family.hasKeyForEachHeadInGGUF, keyValueHeadCount != headCount {
            reasons.append("llama.cpp will not load the file: every head of this family has a key of its own there")
        }
        let divisor = blockCount == family.squareRootDepth ? hiddenSize / headCount : headSize
        if family.keys.scales.attention == nil, latent == nil, attentionScalar != Double(divisor) {
            reasons.append("llama.cpp divides scores by the root of \(divisor), not of query_pre_attn_scalar \(attentionScalar)")
        }
        return reasons
    }
}
