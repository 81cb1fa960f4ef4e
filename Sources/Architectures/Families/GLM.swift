import ModelGraph

extension ArchitectureFamily {
    /// GLM: LLaMA with biases of queries, keys and values, one layer for gate and up, neighbours of a part of each head that turn.
    static let glm = llama.variation("glm", ggufName: "chatglm", className: "GlmForCausalLM") {
        $0.design.turnsNeighbours = true
        $0.design.fusesGateAndUp = true
        $0.setLayout(.same, of: .query, .key)
        $0.tensors.removeAll { [.gate, .up].contains($0.module) }
        $0.tensors.append(
            TensorRule("model.layers.{}.mlp.gate_up_proj.weight", "blk.{}.ffn_up.weight", .linear, .gateAndUp))
        $0.keys.defaultEpsilon = 1.5625e-7
        $0.biasSettings = [
            BiasSetting("attention_bias", .attentionInput, usual: true), BiasSetting(nil, [.attentionOutput] + .mlp),
        ]
        $0.hasFreeHeadSizeInGGUF = false
        $0.keys.headSize = 128
        $0.keys.rotary.share = "partial_rotary_factor"
    }

    /// GLM-4 of 2025: GLM with norms of what attention and MLP put out too.
    static let glm4 = glm.variation("glm4", className: "Glm4ForCausalLM") {
        $0.design.placement = .around
        $0.hasFreeHeadSizeInGGUF = true
        $0.tensors += [
            TensorRule(
                "model.layers.{}.post_self_attn_layernorm.weight", "blk.{}.post_attention_norm.weight", .norm, .attentionOutputNorm),
            TensorRule("model.layers.{}.post_mlp_layernorm.weight", "blk.{}.post_ffw_norm.weight", .norm, .mlpOutputNorm),
        ]
    }
}
