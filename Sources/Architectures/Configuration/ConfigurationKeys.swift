/// What config.json of a family calls the hyperparameters, and what they are where it does not say.
struct ConfigurationKeys: Sendable {
    var hiddenSize = "hidden_size"
    var intermediateSize = "intermediate_size"
    var blockCount = "num_hidden_layers"
    var headCount = "num_attention_heads"
    var contextLength = "max_position_embeddings"
    var normEpsilon = "rms_norm_eps"
    var activation = ["hidden_act"]
    /// How many times the hidden size the intermediate one is where it may be left out.
    var intermediateFactor: Int?
    var defaultEpsilon = 1e-6
    var tiesEmbeddings = false
    /// Nil for hidden size over heads.
    var headSize: Int?
    /// Of families that divide scores by the root of something that the configuration names, under "query_pre_attn_scalar".
    var attentionScalar: Double?
    /// Of families with caps, under "attn_logit_softcapping" and "final_logit_softcapping".
    var attentionSoftCap: Double?
    var logitSoftCap: Double?
    /// The sliding window of a configuration without "sliding_window".
    var window: Int?
    /// The blocks that have it where "layer_types" does not say.
    var windowBlocks = AttentionWindow.Blocks.all
}
