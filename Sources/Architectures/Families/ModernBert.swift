import ModelGraph

extension ArchitectureFamily {
    /// ModernBERT (Warner et al. 2024): an encoder with norms before, but for that of the first block's attention, rotary positions, a gate,
    /// and blocks that see only their neighbours, but for every third, with a θ of their own.
    static let modernBert: ArchitectureFamily = {
        var design = BlockDesign(
            norm: .layerWithoutBias, placement: .before, activation: .gelu, isGated: true, positions: .rotary, isCausal: false,
            fusesQueryKeyValue: true)
        design.fusesGateAndUp = true
        design.skipsFirstNorm = true
        var family = ArchitectureFamily(
            name: "modernbert", ggufName: "modern-bert", className: "ModernBertModel", design: design,
            tensors: [
                TensorRule("embeddings.tok_embeddings.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("embeddings.norm.weight", "token_embd_norm.weight", .norm, .embeddingNorm),
                TensorRule("layers.{}.attn_norm.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm),
                TensorRule("layers.{}.attn.Wqkv.weight", "blk.{}.attn_qkv.weight", .linear, .queryKeyValue),
                TensorRule("layers.{}.attn.Wo.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
                TensorRule("layers.{}.mlp_norm.weight", "blk.{}.ffn_norm.weight", .norm, .mlpNorm),
                TensorRule("layers.{}.mlp.Wi.weight", "blk.{}.ffn_up.weight", .linear, .gateAndUp),
                TensorRule("layers.{}.mlp.Wo.weight", "blk.{}.ffn_down.weight", .linear, .down),
                TensorRule("final_norm.weight", "output_norm.weight", .norm, .finalNorm),
            ])
        family.prefixes = ["", "model."]
        family.setHead("decoder.weight", bias: nil, transform: "head.dense.weight", norm: "head.norm.weight")
        // Before the classes is what is before the tokens.
        family.setClassifier("classifier.weight", transform: nil, .layer(.gelu))
        family.hasClassifierPooling = true
        family.headActivation = .gelu
        family.keys = ConfigurationKeys(
            normEpsilon: "norm_eps", activation: ["hidden_activation"], defaultEpsilon: 1e-5, tiesEmbeddings: true)
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        family.keys.rotary = RotaryKeys(
            theta: "global_rope_theta", defaultTheta: 160_000, localTheta: 10_000, localKey: "local_rope_theta")
        family.keys.window = WindowKeys(size: 128, bothSides: ("local_attention", "global_attn_every_n_layers"))
        family.fixedSettings = ["norm_bias": false]
        family.absentSettings = ["rope_scaling"]
        family.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting("mlp_bias", .mlp)]
        family.unbiasedInGGUF = .attention + .mlp
        family.slidesInGGUF = true
        family.otherKeys = [
            "decoder_bias", "classifier_bias", "classifier_pooling", "classifier_activation", "deterministic_flash_attn",
            "sparse_prediction", "sparse_pred_ignore_index", "reference_compile", "repad_logits_with_grad", "initializer_cutoff_factor",
            "mlp_dropout", "embedding_dropout", "layer_norm_eps",
        ]
        return family
    }()
}
