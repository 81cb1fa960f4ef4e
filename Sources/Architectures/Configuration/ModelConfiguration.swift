import ModelGraph

/// The hyperparameters of a model, whichever file they came from.
public struct ModelConfiguration: ArchitectureConfiguration, Equatable, Sendable {
    /// Name of the family, such as "llama".
    public var architecture: String
    public var vocabularySize: Int
    public var hiddenSize: Int
    public var intermediateSize: Int
    public var blockCount: Int
    public var headCount: Int
    public var keyValueHeadCount: Int
    public var headSize: Int
    public var contextLength: Int
    /// ε of the normalisation.
    public var normEpsilon: Double
    /// θ of the rotary embedding.
    public var ropeTheta: Double
    public var tiesEmbeddings: Bool
    /// What a block computes.
    public var design = BlockDesign.llama
    /// Components of a head that the rotary embedding turns, from the first on.
    public var rotarySize: Int
    public var ropeScaling = RopeScaling.none
    /// θ in blocks with a sliding window, where it is another; these have no scaling.
    public var localRopeTheta: Double?
    public var unturned = UnturnedBlocks.none
    /// Nil where every position sees all before it.
    public var window: AttentionWindow?
    /// Scores are divided by the root of this: the head size but for families that say otherwise.
    public var attentionScalar: Double
    /// Of families with embeddings of distances.
    public var distances: RelativeDistances?
    /// Of families with latent attention.
    public var latent: LatentAttention?
    /// Of families whose blocks, or some of them, have a state space; where all are one alone there are no heads and no intermediate size.
    public var stateSpace: StateSpace?
    /// What each block consists of; nil where all have attention and an MLP, or all a state space alone.
    public var blockParts: [BlockParts]?
    /// Nil where queries of blocks without positions are as they are.
    public var temperature: QueryTemperature?
    /// c · tanh(score / c) for scores, and the same for logits; nil without.
    public var attentionSoftCap: Double?
    public var logitSoftCap: Double?
    /// Nil where every block has one MLP.
    public var experts: RoutedExperts?
    /// What token embeddings, what attention and MLP put out, and logits are multiplied by.
    public var embeddingMultiplier = 1.0
    public var residualMultiplier = 1.0
    public var logitMultiplier = 1.0
    /// The linear layers that have biases; nil where it is what the checkpoint has.
    public var biasedModules: Set<Module>?
    /// Rows of the table of token types; 0 for families without.
    public var tokenTypeCount = 0
    /// How wide the embeddings are, where that is not the hidden size.
    public var embeddingSize: Int?
    /// How many blocks have weights of their own, which those after them share; nil where all have.
    public var ownBlockCount: Int?
    /// Of a model that sorts texts into classes.
    public var classifier: SequenceClassifier?
    /// The model that this language model is a part of, where that sees as well.
    public var vision: VisionLanguage?
    /// How many of the rotary pairs turn by time, by height and by width (M-RoPE); empty for models that do not say. On text all three are one.
    public var rotarySections: [Int] = []
    /// Depths of the tower whose outputs are added to hidden states of the first blocks (Qwen3-VL).
    public var visionLevels = 0
    /// Features that change what the model computes and that are not implemented; running such a model is refused.
    public var unsupportedFeatures: [String] = []
    /// Keys of config.json of which it is not known whether they change what the model computes, in order.
    public var unknownKeys: [String] = []

    /// Most blocks, and most of any other dimension: far above any model, and small enough for products to fit.
    static let maximumDimension = 1 << 28

    /// The family's description.
    public var family: ArchitectureFamily? { ArchitectureFamily.named(architecture) }

    /// Of a row of the table of tokens.
    public var embeddingWidth: Int { embeddingSize ?? hiddenSize }

    /// What token embeddings are multiplied by.
    public var embeddingScale: Double { design.scalesEmbeddings ? Double(hiddenSize).squareRoot() : embeddingMultiplier }

    /// Whether what attention and MLP put out is not simply added.
    public var adjustsOutputs: Bool { [.around, .output].contains(design.placement) || residualMultiplier != 1 }

    /// The family's design, with no sizes yet: for formats that say them in keys of their own.
    package init(family: ArchitectureFamily) {
        architecture = family.name
        design = family.design
        (vocabularySize, hiddenSize, intermediateSize, blockCount) = (0, 0, 0, 0)
        (headCount, keyValueHeadCount, headSize, contextLength, rotarySize) = (0, 0, 0, 0, 0)
        (normEpsilon, ropeTheta, attentionScalar, tiesEmbeddings) = (0, 0, 0, false)
    }

    /// - Throws: `ConfigurationError` for a value that no model can have.
    public func checkInvariants() throws {
        try checkSizes()
        if design.positions == .rotary {
            guard rotarySize % 2 == 0, rotarySize > 0, rotarySize <= headSize else {
                throw ConfigurationError(
                    rotarySize == headSize
                        ? "head_dim \(headSize) is odd; rotary positions need pairs"
                        : "\(rotarySize) of head_dim \(headSize) components cannot turn in pairs")
            }
        }
        guard normEpsilon >= 0, normEpsilon < 1 else { throw ConfigurationError("the norm's epsilon is \(normEpsilon)") }
        guard tokenTypeCount >= 0, tokenTypeCount <= ModelConfiguration.maximumDimension else {
            throw ConfigurationError("type_vocab_size is \(tokenTypeCount)")
        }
        if let embeddingSize, !(1...ModelConfiguration.maximumDimension).contains(embeddingSize) {
            throw ConfigurationError("embedding_size is \(embeddingSize)")
        }
        if let ownBlockCount, !(1...blockCount).contains(ownBlockCount) {
            throw ConfigurationError("num_hidden_groups is \(ownBlockCount), of \(blockCount) blocks")
        }
        guard ropeTheta > 0, ropeTheta.isFinite else { throw ConfigurationError("rope_theta is \(ropeTheta)") }
        try checkRotarySections()
        try checkScales()
        try checkAttention()
        try checkLatent()
        if let temperature, !(temperature.floor >= 1 && temperature.floor.isFinite && temperature.scale.isFinite) {
            throw ConfigurationError("floor_scale is \(temperature.floor) and attn_scale \(temperature.scale)")
        }
        try experts?.checkInvariants()
    }

    private func checkSizes() throws {
        let sizes: [(String, Int)] = [
            ("vocab_size", vocabularySize), ("hidden_size", hiddenSize), ("num_hidden_layers", blockCount),
            ("max_position_embeddings", contextLength),
        ]
        let ofAttention: [(String, Int)] = [
            ("intermediate_size", intermediateSize), ("num_attention_heads", headCount), ("num_key_value_heads", keyValueHeadCount),
            ("head_dim", headSize),
        ]
        for (name, value) in sizes + (isAttentionFree ? [] : ofAttention) where value < 1 || value > ModelConfiguration.maximumDimension {
            throw ConfigurationError("\(name) is \(value)")
        }
        try stateSpace?.checkInvariants()
        try checkBlockParts()
        if isAttentionFree { return }
        guard headCount % keyValueHeadCount == 0 else {
            throw ConfigurationError("num_attention_heads \(headCount) is no multiple of num_key_value_heads \(keyValueHeadCount)")
        }
    }

    private func checkScales() throws {
        if let localRopeTheta, !(localRopeTheta > 0 && localRopeTheta.isFinite) {
            throw ConfigurationError("rope_local_base_freq is \(localRopeTheta)")
        }
        for (name, value) in [("embedding", embeddingMultiplier), ("residual", residualMultiplier), ("logit", logitMultiplier)] {
            // As floats, which is how they are used.
            guard value != 0, Float(value).isFinite, Float(value) != 0 else {
                throw ConfigurationError("the \(name) multiplier is \(value)")
            }
        }
        if design.fusedOrder == .byGroup || design.positions == .linear, headCount > 1 << 16 {
            throw ConfigurationError("num_attention_heads is \(headCount)")
        }
    }

    private func checkAttention() throws {
        if let distances, distances.span < 4 || distances.span > 1 << 20 || distances.maximum <= distances.span / 2 + 1 {
            throw ConfigurationError("position_buckets are \(distances.span), for distances up to \(distances.maximum)")
        }
        if let window, window.size < 1 { throw ConfigurationError("the attention window is \(window.size)") }
        if let clamp = design.gateClamp, !(clamp.alpha.isFinite && clamp.limit > 0 && clamp.limit.isFinite) {
            throw ConfigurationError("swiglu_alpha is \(clamp.alpha) and swiglu_limit \(clamp.limit)")
        }
        for (name, value) in [
            ("query_pre_attn_scalar", attentionScalar), ("attn_logit_softcapping", attentionSoftCap),
            ("final_logit_softcapping", logitSoftCap),
        ] {
            if let value, !(value > 0 && value.isFinite) { throw ConfigurationError("\(name) is \(value)") }
        }
        switch ropeScaling {
        case .none: break
        case .linear(let factor):
            guard factor > 0, factor.isFinite else { throw ConfigurationError("the factor of rope_scaling is \(factor)") }
        case .llama3(let factor, let low, let high, let original):
            guard factor > 0, factor.isFinite, low > 0, high > low, high.isFinite, original > 0 else {
                throw ConfigurationError("rope_scaling has the factors \(factor), \(low), \(high) and a context of \(original)")
            }
        case .yarn(let yarn): try yarn.checkInvariants(theta: ropeTheta)
        case .longRope(let long): try long.checkInvariants(rotarySize: rotarySize)
        case .dynamic(let factor, _):
            // The context is one of the sizes.
            guard factor >= 1, factor < 1e9 else { throw ConfigurationError("the factor of rope_scaling is \(factor)") }
            guard rotarySize > 2 else { throw ConfigurationError("one pair turns, which rope_scaling 'dynamic' cannot scale") }
        }
    }
}

/// A configuration that is missing something or contradicts itself.
public struct ConfigurationError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
