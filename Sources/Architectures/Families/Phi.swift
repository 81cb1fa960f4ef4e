import ModelGraph

extension ArchitectureFamily {
    /// Phi 1, 1.5 and 2: attention and MLP side by side after one norm, biases everywhere, the head's too, a part of each head turns.
    static let phi = llama.variation("phi", ggufName: "phi2", className: "PhiForCausalLM") {
        $0.design.norm = .layer
        $0.design.activation = .geluTanh
        $0.design.isGated = false
        $0.design.isParallel = true
        $0.setLayout(.same, of: .query, .key)
        $0.tensors.removeAll { [.finalNorm, .mlpNorm, .attentionOutput, .gate, .up, .down].contains($0.module) }
        $0.tensors += [
            TensorRule("model.final_layernorm.weight", "output_norm.weight", .norm, .finalNorm),
            TensorRule("model.layers.{}.self_attn.dense.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
            TensorRule("model.layers.{}.mlp.fc1.weight", "blk.{}.ffn_up.weight", .linear, .up),
            TensorRule("model.layers.{}.mlp.fc2.weight", "blk.{}.ffn_down.weight", .linear, .down),
        ]
        $0.keys.normEpsilon = "layer_norm_eps"
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.rotary.share = "partial_rotary_factor"
        $0.keys.rotary.defaultShare = 0.5
        $0.fixedSettings = ["qk_layernorm": false]
        $0.biasSettings = []
        $0.hasFreeHeadSizeInGGUF = false
    }

    /// Phi-3: LLaMA with one layer for queries, keys and values and one for gate and up.
    static let phi3 = llama.variation("phi3", className: "Phi3ForCausalLM") {
        $0.design.fusesQueryKeyValue = true
        $0.design.fusesGateAndUp = true
        $0.tensors.removeAll { [.query, .key, .value, .gate, .up].contains($0.module) }
        $0.tensors += [
            TensorRule("model.layers.{}.self_attn.qkv_proj.weight", "blk.{}.attn_qkv.weight", .linear, .queryKeyValue),
            TensorRule("model.layers.{}.mlp.gate_up_proj.weight", "blk.{}.ffn_up.weight", .linear, .gateAndUp),
        ]
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.rotary.share = "partial_rotary_factor"
        $0.keys.window = WindowKeys(hasTypes: false)
        $0.biasSettings = [BiasSetting(nil, .attention + .mlp)]
        $0.hasFreeHeadSizeInGGUF = false
        $0.keys.hasLongRope = true
        $0.otherKeys = ["original_max_position_embeddings"]
    }
}
