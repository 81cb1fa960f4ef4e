import ModelGraph

extension ArchitectureFamily {
    /// OLMo: LLaMA with layer norms that have nothing to learn.
    static let olmo = llama.variation("olmo", className: "OlmoForCausalLM") {
        $0.design.norm = .layerWithoutWeight
        $0.tensors.removeAll { $0.role == .norm }
        $0.keys.normEpsilon = nil
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp)]
        $0.unbiasedInGGUF = [.attentionOutput]
        $0.hasFreeHeadSizeInGGUF = false
        $0.keys.defaultEpsilon = 1e-5
        $0.absentSettings = ["clip_qkv"]
    }

    /// OLMo 2: LLaMA with norms of what attention and MLP put out instead of what they read, and of queries and keys, all heads together.
    static let olmo2 = llama.variation("olmo2", className: "Olmo2ForCausalLM") {
        $0.design.placement = .output
        $0.design.headNorm = .whole
        $0.setLayout(.same, of: .query, .key)
        $0.tensors.removeAll { [.attentionNorm, .mlpNorm].contains($0.module) }
        $0.tensors += outputNorms + headNorms()
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp)]
        $0.unbiasedInGGUF = [.attentionOutput]
        $0.hasFreeHeadSizeInGGUF = false
        $0.keys.defaultEpsilon = 1e-5
    }

    /// OLMo 3: OLMo 2 with a window in three of four blocks, whose rotary embedding is not scaled.
    static let olmo3 = olmo2.variation("olmo3", ggufName: "olmo2", className: "Olmo3ForCausalLM") {
        $0.keys.rotary.defaultTheta = 500_000
        $0.keys.rotary.localTheta = 500_000
        $0.keys.rotary.localKey = nil
        $0.keys.rotary.hasOneThetaInGGUF = true
        $0.keys.window = WindowKeys(size: 4096, blocks: .allButEvery(4))
        $0.slidesInGGUF = true
        $0.listsWindowsInGGUF = true
        $0.flagInGGUF = "attention.sliding_window"
    }

    /// EXAONE 4: OLMo 2 with norms of each head, and blocks with a window, of which the others have no positions.
    static let exaone4 = olmo2.variation("exaone4", className: "Exaone4ForCausalLM") {
        $0.design.headNorm = .each
        $0.biasSettings = [BiasSetting(nil, .attention + .mlp)]
        $0.keys.rotary.unturned = .withoutWindow
        $0.keys.window = WindowKeys(size: 4096, blocks: .allButEvery(4))
    }

    private static let outputNorms = [
        TensorRule(
            "model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight", .norm, .attentionOutputNorm),
        TensorRule("model.layers.{}.post_feedforward_layernorm.weight", "blk.{}.post_ffw_norm.weight", .norm, .mlpOutputNorm),
    ]
}
