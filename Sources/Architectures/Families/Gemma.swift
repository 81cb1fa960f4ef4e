import ModelGraph

extension ArchitectureFamily {
    /// Gemma 2: LLaMA with norms on both sides of attention and MLP, tanh caps on scores and logits, scaled embeddings, GeGLU
    /// and a sliding window in every other block.
    static let gemma2 = llama.variation("gemma2", className: "Gemma2ForCausalLM") {
        $0.design.norm = .rootMeanSquareOffset
        $0.design.placement = .around
        $0.design.activation = .geluTanh
        $0.design.scalesEmbeddings = true
        $0.tensors.removeAll { $0.role == .norm }
        $0.tensors += [
            TensorRule("model.norm.weight", "output_norm.weight", .norm, .finalNorm, .lessOne),
            TensorRule("model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm, .lessOne),
            TensorRule(
                "model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight", .norm, .attentionOutputNorm,
                .lessOne),
            TensorRule("model.layers.{}.pre_feedforward_layernorm.weight", "blk.{}.ffn_norm.weight", .norm, .mlpNorm, .lessOne),
            TensorRule(
                "model.layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight", .norm, .mlpOutputNorm,
                .lessOne),
        ]
        $0.setLayout(.same, of: .query, .key)
        $0.keys.activation = ["hidden_activation", "hidden_act"]
        $0.keys.tiesEmbeddings = true
        $0.keys.headSize = 256
        $0.keys.attentionScalar = 256
        $0.keys.attentionSoftCap = 50
        $0.keys.logitSoftCap = 30
        $0.keys.window = 4096
        $0.keys.windowBlocks = .even
        $0.fixedSettings = ["use_bidirectional_attention": false]
        $0.slidesInGGUF = true
    }
}
