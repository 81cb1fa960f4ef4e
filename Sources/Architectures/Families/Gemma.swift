import ModelGraph

extension ArchitectureFamily {
    /// Gemma: LLaMA with scaled embeddings, GeGLU, and norms of 1 + w.
    static let gemma = llama.variation("gemma", className: "GemmaForCausalLM") {
        $0.design.norm = .rootMeanSquareOffset
        $0.design.activation = .geluTanh
        $0.design.scalesEmbeddings = true
        $0.setLayout(.same, of: .query, .key)
        $0.setLayout(.lessOne, of: .finalNorm, .attentionNorm, .mlpNorm)
        $0.keys.approximatesGELU = true
        $0.keys.tiesEmbeddings = true
        $0.keys.headSize = 256
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp)]
        $0.unbiasedInGGUF = [.attentionOutput]
        $0.fixedSettings = ["use_bidirectional_attention": false]
        // An older key, which changes nothing any more.
        $0.otherKeys = ["hidden_activation"]
    }

    /// Gemma 2: Gemma with norms on both sides of attention and MLP, tanh caps on scores and logits, and a sliding window in every other
    /// block.
    static let gemma2 = gemma.variation("gemma2", className: "Gemma2ForCausalLM") {
        $0.design.placement = .around
        $0.tensors.removeAll { $0.module == .mlpNorm }
        $0.tensors += [
            TensorRule(
                "model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight", .norm, .attentionOutputNorm,
                .lessOne),
            TensorRule("model.layers.{}.pre_feedforward_layernorm.weight", "blk.{}.ffn_norm.weight", .norm, .mlpNorm, .lessOne),
            TensorRule(
                "model.layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight", .norm, .mlpOutputNorm,
                .lessOne),
        ]
        $0.keys.approximatesGELU = false
        $0.keys.activation = ["hidden_activation"]
        $0.keys.attentionScalar = 256
        $0.keys.attentionSoftCap = 50
        $0.keys.logitSoftCap = 30
        $0.keys.window = WindowKeys(size: 4096, blocks: .even)
        $0.otherKeys = ["hidden_act"]
        $0.slidesInGGUF = true
        $0.squareRootDepth = 46
    }

    /// Gemma 3, its text model: Gemma 2 with norms of heads instead of caps, a window in five of six blocks, and another θ there.
    static let gemma3 = gemma2.variation("gemma3", className: "Gemma3ForCausalLM") {
        $0.modelTypes = ["gemma3_text"]
        $0.tensors += headNorms(.lessOne)
        $0.design.headNorm = .each
        $0.keys.attentionSoftCap = nil
        $0.keys.logitSoftCap = 0
        $0.keys.window = WindowKeys(size: 4096, blocks: .allButEvery(6), isRequired: true)
        $0.keys.rotary.defaultTheta = 1_000_000
        $0.keys.rotary.localTheta = 10000
        $0.absentSettings = ["attn_logit_softcapping"]
        $0.squareRootDepth = 62
    }
}
