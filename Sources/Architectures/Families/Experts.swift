import ModelGraph

extension ArchitectureFamily {
    /// Mixtral: Mistral whose blocks have experts. llama.cpp takes it for LLaMA.
    static let mixtral = mistral.variation("mixtral", ggufName: "llama", className: "MixtralForCausalLM") {
        $0.tensors.removeAll { [Module].mlp.contains($0.module) }
        $0.tensors += expertRules("model.layers.{}.block_sparse_moe", gate: "w1", up: "w3", down: "w2")
        $0.keys.experts = ExpertKeys(count: ["num_local_experts"], usualChosen: 2)
        $0.keys.window = WindowKeys(hasTypes: false)
        $0.keys.rotary.defaultTheta = 1_000_000
        $0.keys.defaultEpsilon = 1e-5
        $0.biasSettings = [BiasSetting(nil, .attention + .experts)]
    }

    /// Qwen2-MoE: Qwen2 with experts in all or some blocks, one of them for all tokens.
    static let qwen2MoE = qwen2.variation("qwen2_moe", ggufName: "qwen2moe", className: "Qwen2MoeForCausalLM") {
        $0.tensors += expertRules("model.layers.{}.mlp") + sharedExpertRules("model.layers.{}.mlp")
        $0.keys.experts = ExpertKeys(
            count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size", sharedSize: "shared_expert_intermediate_size",
            renormalises: "norm_topk_prob", renormalisesInGGUF: false, hasDenseBlocks: true)
        $0.biasSettings = [
            BiasSetting("qkv_bias", .attentionInput, usual: true),
            BiasSetting(nil, [.attentionOutput] + .mlp + .experts + .sharedExpert),
        ]
    }

    /// Qwen3-MoE: Qwen3 with experts in all or some blocks.
    static let qwen3MoE = qwen3.variation("qwen3_moe", ggufName: "qwen3moe", className: "Qwen3MoeForCausalLM") {
        $0.tensors += expertRules("model.layers.{}.mlp")
        $0.keys.headSize = nil
        $0.keys.experts = ExpertKeys(
            count: ["num_experts", "num_local_experts"], size: "moe_intermediate_size", renormalises: "norm_topk_prob",
            hasDenseBlocks: true)
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp + .experts)]
    }

    /// OLMoE: LLaMA with norms of queries and keys, all heads together, and experts.
    static let olmoe = llama.variation("olmoe", className: "OlmoeForCausalLM") {
        $0.design.headNorm = .whole
        $0.setLayout(.same, of: .query, .key)
        $0.tensors.removeAll { [Module].mlp.contains($0.module) }
        $0.tensors += headNorms() + expertRules("model.layers.{}.mlp")
        $0.keys.experts = ExpertKeys(
            count: ["num_experts", "num_local_experts"], usualChosen: 8, renormalises: "norm_topk_prob", renormalisesInGGUF: false)
        $0.keys.defaultEpsilon = 1e-5
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .experts)]
        $0.unbiasedInGGUF = .attention
        $0.hasFreeHeadSizeInGGUF = false
        $0.hasKeyForEachHeadInGGUF = true
        $0.absentSettings = ["clip_qkv"]
    }

    /// The router and the layers of each expert, which GGUF has all in one tensor.
    static func expertRules(
        _ mlp: String, router: String = "gate", gate: String = "gate_proj", up: String = "up_proj", down: String = "down_proj"
    ) -> [TensorRule] {
        [
            TensorRule("\(mlp).\(router).weight", "blk.{}.ffn_gate_inp.weight", .router, .router),
            TensorRule("\(mlp).experts.{}.\(gate).weight", "blk.{}.ffn_gate_exps.weight", .linear, .expertGate),
            TensorRule("\(mlp).experts.{}.\(up).weight", "blk.{}.ffn_up_exps.weight", .linear, .expertUp),
            TensorRule("\(mlp).experts.{}.\(down).weight", "blk.{}.ffn_down_exps.weight", .linear, .expertDown),
        ]
    }

    /// The expert that all tokens go through, and the layer that its weight is made with.
    static func sharedExpertRules(_ mlp: String) -> [TensorRule] {
        [
            TensorRule("\(mlp).shared_expert_gate.weight", "blk.{}.ffn_gate_inp_shexp.weight", .router, .sharedRouter, .oneRow),
            TensorRule("\(mlp).shared_expert.gate_proj.weight", "blk.{}.ffn_gate_shexp.weight", .linear, .sharedGate),
            TensorRule("\(mlp).shared_expert.up_proj.weight", "blk.{}.ffn_up_shexp.weight", .linear, .sharedUp),
            TensorRule("\(mlp).shared_expert.down_proj.weight", "blk.{}.ffn_down_shexp.weight", .linear, .sharedDown),
        ]
    }
}
