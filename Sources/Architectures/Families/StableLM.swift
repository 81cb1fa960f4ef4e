import ModelGraph

extension ArchitectureFamily {
    /// StableLM: LLaMA with layer norms, a part of each head that turns, in some models attention and MLP side by side after one norm, and norms
    /// of heads with weights of their own.
    static let stableLM = llama.variation("stablelm", className: "StableLmForCausalLM") {
        $0.design.norm = .layer
        $0.setLayout(.same, of: .query, .key)
        $0.setOptional(.mlpNorm)
        $0.keys.normEpsilon = "layer_norm_eps"
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.parallel = "use_parallel_residual"
        $0.keys.rotary.share = "partial_rotary_factor"
        $0.keys.rotary.defaultShare = 0.25
        $0.tensors += [
            TensorRule("model.layers.{}.self_attn.q_layernorm.norms.{}.weight", "blk.{}.attn_q_norm.weight", .norm, .queryNorm),
            TensorRule("model.layers.{}.self_attn.k_layernorm.norms.{}.weight", "blk.{}.attn_k_norm.weight", .norm, .keyNorm),
        ]
        $0.keys.perHeadNorms = "qk_layernorm"
        $0.biasSettings = [BiasSetting("use_qkv_bias", .attentionInput), BiasSetting(nil, [.attentionOutput] + .mlp)]
        $0.keys.headDimension = nil
    }

    /// StarCoder2: layer norms, biases everywhere, an MLP without gate, a sliding window.
    static let starCoder2 = llama.variation("starcoder2", className: "Starcoder2ForCausalLM") {
        $0.design.norm = .layer
        $0.design.activation = .geluTanh
        $0.design.isGated = false
        $0.setLayout(.same, of: .query, .key)
        $0.tensors.removeAll { [.gate, .up, .down].contains($0.module) }
        $0.tensors += [
            TensorRule("model.layers.{}.mlp.c_fc.weight", "blk.{}.ffn_up.weight", .linear, .up),
            TensorRule("model.layers.{}.mlp.c_proj.weight", "blk.{}.ffn_down.weight", .linear, .down),
        ]
        $0.keys.normEpsilon = "norm_epsilon"
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.tiesEmbeddings = true
        $0.keys.window = WindowKeys(hasTypes: false)
        $0.biasSettings = [BiasSetting("use_bias", .attention + .mlp, usual: true)]
        $0.hasFreeHeadSizeInGGUF = false
        $0.otherKeys = ["norm_type", "mlp_type"]
    }

    /// Nemotron: layer norms of 1 + w, an MLP without gate whose activation is max(x, 0)², a part of each head that turns.
    static let nemotron = llama.variation("nemotron", className: "NemotronForCausalLM") {
        $0.design.norm = .layerOffset
        $0.design.activation = .reluSquared
        $0.design.isGated = false
        $0.setLayout(.same, of: .query, .key)
        $0.setLayout(.lessOne, of: .finalNorm, .attentionNorm, .mlpNorm)
        $0.tensors.removeAll { $0.module == .gate }
        $0.hasFreeHeadSizeInGGUF = false
        $0.keys.normEpsilon = "norm_eps"
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.rotary.share = "partial_rotary_factor"
        $0.keys.rotary.defaultShare = 0.5
    }
}
