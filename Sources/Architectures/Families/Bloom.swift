import ModelGraph

extension ArchitectureFamily {
    /// BLOOM: GPT-2 with distances in the scores instead of positions, a norm of the embeddings, and queries, keys and values of each head
    /// together.
    static let bloom: ArchitectureFamily = {
        var design = BlockDesign.gpt2
        design.positions = .linear
        design.fusedOrder = .byGroup
        var family = ArchitectureFamily(
            name: "bloom", ggufName: "bloom", className: "BloomForCausalLM", design: design,
            tensors: [
                TensorRule("word_embeddings.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("word_embeddings_layernorm.weight", "token_embd_norm.weight", .norm, .embeddingNorm),
                TensorRule("ln_f.weight", "output_norm.weight", .norm, .finalNorm),
                TensorRule("lm_head.weight", "output.weight", .head, .head),
            ] + grouped)
        family.prefixes = ["transformer.", ""]
        family.keys = ConfigurationKeys(
            intermediateSize: nil, blockCount: "n_layer", headCount: "n_head", contextLength: "seq_length",
            normEpsilon: "layer_norm_epsilon", activation: [], intermediateFactor: 4, defaultEpsilon: 1e-5, tiesEmbeddings: true)
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        family.keys.otherNames = ["hidden_size": "n_embed", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads"]
        family.fixedSettings = ["apply_residual_connection_post_layernorm": false]
        family.otherKeys = [
            "slow_but_exact", "skip_bias_add", "skip_bias_add_qkv", "offset_alibi", "attention_softmax_in_fp32", "masked_softmax_fusion",
            "bias_dropout_fusion",
        ]
        return family
    }()

    /// The blocks of BLOOM and Falcon.
    static let grouped = [
        TensorRule("h.{}.input_layernorm.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm),
        TensorRule("h.{}.self_attention.query_key_value.weight", "blk.{}.attn_qkv.weight", .linear, .queryKeyValue, .grouped),
        TensorRule("h.{}.self_attention.dense.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
        TensorRule("h.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight", .norm, .mlpNorm),
        TensorRule("h.{}.mlp.dense_h_to_4h.weight", "blk.{}.ffn_up.weight", .linear, .up),
        TensorRule("h.{}.mlp.dense_4h_to_h.weight", "blk.{}.ffn_down.weight", .linear, .down),
    ]
}
