import ModelGraph

extension ArchitectureFamily {
    /// GPT-2: layer norms, learned positions, one layer for queries, keys and values, weights stored as [in, out].
    static let gpt2: ArchitectureFamily = {
        var family = ArchitectureFamily(
            name: "gpt2", ggufName: "gpt2", className: "GPT2LMHeadModel", design: .gpt2,
            tensors: [
                TensorRule("wte.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("wpe.weight", "position_embd.weight", .embedding, .positionEmbedding),
                TensorRule("ln_f.weight", "output_norm.weight", .norm, .finalNorm),
                TensorRule("lm_head.weight", "output.weight", .head, .head),
                TensorRule("h.{}.ln_1.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm),
                TensorRule("h.{}.attn.c_attn.weight", "blk.{}.attn_qkv.weight", .linear, .queryKeyValue, .transposed),
                TensorRule("h.{}.attn.c_proj.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput, .transposed),
                TensorRule("h.{}.ln_2.weight", "blk.{}.ffn_norm.weight", .norm, .mlpNorm),
                TensorRule("h.{}.mlp.c_fc.weight", "blk.{}.ffn_up.weight", .linear, .up, .transposed),
                TensorRule("h.{}.mlp.c_proj.weight", "blk.{}.ffn_down.weight", .linear, .down, .transposed),
            ])
        family.prefixes = ["transformer.", ""]
        family.keys = ConfigurationKeys(
            hiddenSize: "n_embd", intermediateSize: "n_inner", blockCount: "n_layer", headCount: "n_head", contextLength: "n_positions",
            normEpsilon: "layer_norm_epsilon", activation: ["activation_function"], intermediateFactor: 4, defaultEpsilon: 1e-5,
            tiesEmbeddings: true)
        family.keys.otherNames = gptNames
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        family.fixedSettings = [
            "scale_attn_weights": true, "scale_attn_by_inverse_layer_idx": false, "add_cross_attention": false,
        ]
        family.derivedTensors = ["h.{}.attn.bias", "h.{}.attn.masked_bias"]
        return family
    }()

    /// What sizes may be called as well.
    static let gptNames = [
        "n_embd": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads", "n_positions": "max_position_embeddings",
    ]
}
