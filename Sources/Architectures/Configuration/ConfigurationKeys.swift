/// What config.json of a family calls the hyperparameters, and what they are where it does not say.
package struct ConfigurationKeys: Sendable {
    package var hiddenSize = "hidden_size"
    /// Other names that sizes may have where the usual ones are not there.
    package var otherNames: [String: String] = [:]
    /// Nil where it is `intermediateFactor` times the hidden size.
    package var intermediateSize: String? = "intermediate_size"
    package var blockCount = "num_hidden_layers"
    package var headCount = "num_attention_heads"
    /// Nil where every head has a key of its own.
    package var keyValueHeadCount: String? = "num_key_value_heads"
    /// Nil where it is always hidden size over heads.
    package var headDimension: String? = "head_dim"
    package var contextLength = "max_position_embeddings"
    /// Nil where it is always the default.
    package var normEpsilon: String? = "rms_norm_eps"
    /// Empty where it is always that of the design.
    package var activation = ["hidden_act"]
    /// Whether "gelu" stands for its approximation with tanh.
    package var approximatesGELU = false
    /// How many times the hidden size the intermediate one is where it may be left out.
    package var intermediateFactor: Int?
    package var defaultEpsilon = 1e-6
    package var tiesEmbeddings = false
    /// Nil for hidden size over heads.
    package var headSize: Int?
    /// Of families that divide scores by the root of something that the configuration names, under "query_pre_attn_scalar".
    package var attentionScalar: Double?
    /// Of families with caps, under "attn_logit_softcapping" and "final_logit_softcapping"; 0 for none where they are silent.
    package var attentionSoftCap: Double?
    package var logitSoftCap: Double?
    package var rotary = RotaryKeys()
    package var window: WindowKeys?
    package var scales = ScaleKeys()
    /// Whether the gate is clamped, by "swiglu_alpha" and "swiglu_limit".
    package var clampsGate = false
    /// Whether all rotary scaling is longrope, and the original context stands beside it as "original_max_position_embeddings".
    package var hasLongRope = false
    /// Of families whose queries and keys may be normalised head by head, with one weight for all: the key that says whether.
    package var headNorms: String?
    /// The same with weights for each.
    package var perHeadNorms: String?
    /// Of families that may have multiples of positions in the scores, in bfloat16, in the place of rotary ones: the key that says whether.
    package var linearPositions: String?
    /// Of families with latent attention.
    package var isLatent = false
    /// Of families that normalise what has turned: "use_qk_norm" says whether. These divide queries that do not turn too.
    package var normalisesTurned = false
    /// Of families whose neighbours turn unless this says no.
    package var neighbours: String?
    /// Of families with experts.
    package var experts: ExpertKeys?
    /// Of families whose blocks, or some of them, have state spaces.
    package var stateSpace: StateSpaceKeys?
    /// Of families whose blocks are of several kinds.
    package var blockKinds: BlockKindKeys?
    /// Of families whose queries and keys turn only where this is "rope".
    package var rotaryChoice: String?
    /// Of families without experts whose type others with experts have too: the key that says that there are none.
    package var absentExperts: String?
    /// Whether the intermediate size is made of the one that is said unless "block_auto_adjust_ff_dim" is false.
    package var adjustsIntermediateSize = false
    /// Of families whose MLP may read what attention reads.
    package var parallel: String?
    /// Of families whose embeddings may have another width than the hidden state: 128 where the configuration is silent.
    package var embeddingWidth: String?
    /// Of families whose blocks share weights: how many have their own.
    package var ownBlockCount: String?
    /// Whether the first position is the one after "pad_token_id", and the table of positions has room for those before.
    package var startsAfterPadding = false
    /// Of families that have one key head unless this says no or "new_decoder_architecture" yes.
    package var oneKeyHead: String?
}

/// The same of rotary positions.
package struct RotaryKeys: Sendable {
    package var theta = "rope_theta"
    package var defaultTheta = 10000.0
    /// The share of a head that turns; nil for families that turn all of it.
    package var share: String?
    package var defaultShare = 1.0
    /// The number of components that turn, where that is said instead.
    package var size: String?
    package var defaultSize = 64
    /// θ of blocks with a sliding window in families that have another one for these.
    package var localTheta: Double?
    /// What it is called; nil where it stands among the rotary settings of its blocks alone.
    package var localKey: String? = "rope_local_base_freq"
    /// Whether llama.cpp has one θ for all blocks even so.
    package var hasOneThetaInGGUF = false
    /// Where config.json says nothing of it.
    package var usualScaling = RopeScaling.none
    /// Of families whose queries grow beyond the original context, by "llama_4_scaling_beta" among the rotary settings: that where there are none.
    package var usualTemperature: Double?
    /// Whether "mrope_section" shares the pairs out.
    package var hasSections = false
    /// Whether they are thirds where it does not say.
    package var sharesOutThirds = false
    /// Blocks that do not turn; `.every` is what "no_rope_layers" and "no_rope_layer_interval" may change.
    package var unturned = UnturnedBlocks.none
}

/// The same of families with a sliding window, under "sliding_window".
package struct WindowKeys: Sendable {
    /// The window of a configuration that is silent.
    package var size: Int?
    /// The blocks that have it where "layer_types" does not say; `.allButEvery` is what "sliding_window_pattern" may change, `.from` what
    /// "max_window_layers" may.
    package var blocks = AttentionWindow.Blocks.all
    /// Whether there is none unless "use_sliding_window" says so.
    package var isOptional = false
    /// Whether the model is none that is known without a window.
    package var isRequired = false
    /// Of encoders: the key of the window to both sides together, and that of the distance between blocks without it.
    package var bothSides: (window: String, step: String)?
    /// What "sliding_window" is called, and blocks that have it.
    package var name = "sliding_window"
    package var type = "sliding_attention"
    /// Whether positions see those of their own chunk of so many, not the last ones.
    package var isChunked = false
    /// The key that lists the blocks' types as lists of types, each with how often it comes.
    package var counts: String?
    /// Whether "layer_types" is obeyed; where it is not it has to say the same as the window.
    package var hasTypes = true
}

/// The same of numbers that embeddings, scores, outputs and logits are multiplied or divided by.
package struct ScaleKeys: Sendable {
    package var attention: String?
    package var embedding: String?
    package var residual: String?
    package var logit: String?
    package var logitDivisor: String?
    package var defaultLogit = 1.0
}
