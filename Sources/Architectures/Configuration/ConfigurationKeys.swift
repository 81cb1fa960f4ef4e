/// What config.json of a family calls the hyperparameters, and what they are where it does not say.
package struct ConfigurationKeys: Sendable {
    package var hiddenSize = "hidden_size"
    package var intermediateSize = "intermediate_size"
    package var blockCount = "num_hidden_layers"
    package var headCount = "num_attention_heads"
    package var contextLength = "max_position_embeddings"
    package var normEpsilon = "rms_norm_eps"
    package var activation = ["hidden_act"]
    /// How many times the hidden size the intermediate one is where it may be left out.
    package var intermediateFactor: Int?
    package var defaultEpsilon = 1e-6
    package var tiesEmbeddings = false
    /// Nil for hidden size over heads.
    package var headSize: Int?
    /// Of families that divide scores by the root of something that the configuration names, under "query_pre_attn_scalar".
    package var attentionScalar: Double?
    /// Of families with caps, under "attn_logit_softcapping" and "final_logit_softcapping".
    package var attentionSoftCap: Double?
    package var logitSoftCap: Double?
    /// The sliding window of a configuration without "sliding_window".
    package var window: Int?
    /// The blocks that have it where "layer_types" does not say.
    package var windowBlocks = AttentionWindow.Blocks.all
}
