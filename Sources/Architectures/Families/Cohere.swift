import ModelGraph

extension ArchitectureFamily {
    /// Cohere's Command R: attention and MLP side by side after one layer norm without bias, neighbours turn, logits are scaled; of Command R+
    /// heads of queries and keys are normalised, with weights of their own.
    static let cohere = llama.variation("cohere", ggufName: "command-r", className: "CohereForCausalLM") {
        $0.design.norm = .layerWithoutBias
        $0.design.isParallel = true
        $0.design.turnsNeighbours = true
        $0.setLayout(.same, of: .query, .key)
        $0.tensors.removeAll { $0.module == .mlpNorm }
        $0.keys.normEpsilon = "layer_norm_eps"
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.tiesEmbeddings = true
        $0.keys.rotary.defaultTheta = 500_000
        $0.keys.scales = ScaleKeys(logit: "logit_scale", defaultLogit: 0.0625)
        $0.tensors += headNorms()
        $0.keys.perHeadNorms = "use_qk_norm"
        $0.headNormDepthInGGUF = 64
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp)]
        $0.unbiasedInGGUF = [.attentionOutput]
        $0.hasFreeHeadSizeInGGUF = false
    }

    /// Command R7B: Cohere with a window in three of four blocks, of which the others have no positions.
    static let cohere2 = cohere.variation("cohere2", className: "Cohere2ForCausalLM") {
        $0.tensors.removeAll { [.queryNorm, .keyNorm].contains($0.module) }
        $0.keys.perHeadNorms = nil
        $0.headNormDepthInGGUF = nil
        $0.keys.headDimension = nil
        $0.keys.rotary.defaultTheta = 10000
        $0.keys.rotary.unturned = .withoutWindow
        $0.keys.window = WindowKeys(size: 4096, blocks: .allButEvery(4), isRequired: true)
        $0.fixedSettings = ["use_qk_norm": false, "use_parallel_block": true, "use_gated_activation": true, "use_embedding_sharing": true]
        $0.slidesInGGUF = true
        $0.otherKeys = ["head_dim", "rotary_pct", "order_of_interleaved_layers", "position_embedding_type"]
    }
}
