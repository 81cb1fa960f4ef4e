import ModelGraph

/// Families whose experts are chosen as in DeepSeek-V3, by sigmoids and a correction of each one's, after usual attention.
extension ArchitectureFamily {
    /// GLM-4.5 to 4.7: LLaMA with biases of queries, keys and values, of which a part of each head turns.
    static let glm4MoE = llama.variation("glm4_moe", ggufName: "glm4moe", className: "Glm4MoeForCausalLM") {
        $0.setLayout(.same, of: .query, .key)
        $0.setNameInGGUF("blk.{}.post_attention_norm.weight", of: .mlpNorm)
        $0.tensors += headNorms() + correctedExperts
        $0.keys.headNorms = "use_qk_norm"
        $0.keys.headSize = nil
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.rotary.share = "partial_rotary_factor"
        $0.keys.rotary.defaultShare = 0.5
        $0.keys.experts = correctedExpertKeys(usualLeadingBlocks: 1, usuallyRenormalises: true)
        $0.biasSettings = [
            BiasSetting("attention_bias", .attentionInput), BiasSetting(nil, [.attentionOutput] + .mlp + .experts + .sharedExpert),
        ]
        $0.hasPredictionBlocks = true
        $0.tensors += predictionTensors
        $0.otherKeys = otherExpertKeys
    }

    /// dots.llm1: Qwen3 with such experts.
    static let dots1 = qwen3.variation("dots1", className: "Dots1ForCausalLM") {
        $0.tensors += correctedExperts
        $0.keys.headSize = nil
        $0.keys.window = WindowKeys(size: 4096, blocks: .from(62))
        $0.keys.experts = correctedExpertKeys(usualLeadingBlocks: 0, usuallyRenormalises: false)
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp + .experts + .sharedExpert)]
        $0.hasKeyForEachHeadInGGUF = true
        $0.otherKeys = otherExpertKeys
    }

    /// MiniMax-M2: LLaMA with norms of queries and keys, all heads together, of which a part of each head turns, and experts in all blocks.
    static let miniMaxM2 = llama.variation("minimax_m2", ggufName: "minimax-m2", className: "MiniMaxM2ForCausalLM") {
        $0.design.headNorm = .whole
        $0.setLayout(.same, of: .query, .key)
        $0.tensors.removeAll { [Module].mlp.contains($0.module) }
        let mlp = "model.layers.{}.block_sparse_moe"
        $0.tensors += headNorms() + expertRules(mlp, gate: "w1", up: "w3", down: "w2")
        $0.tensors.append(TensorRule("\(mlp).e_score_correction_bias", "blk.{}.exp_probs_b.bias", .unknown, .routerCorrection))
        $0.keys.headSize = 128
        $0.keys.rotary.defaultTheta = 5_000_000
        $0.keys.rotary.share = "partial_rotary_factor"
        $0.keys.rotary.size = "rotary_dim"
        $0.keys.experts = ExpertKeys(
            count: ["num_local_experts", "num_experts"], usualChosen: 8, sizeInGGUF: true, scoring: .sigmoid, saysAllInGGUF: true)
        $0.biasSettings = [BiasSetting(nil, .attention + .experts)]
        $0.fixedSettings = ["use_qk_norm": true, "use_routing_bias": true]
        $0.fixedValues = ["scoring_func": ["sigmoid"], "qk_norm_type": ["per_layer"], "shared_intermediate_size": [.integer(0)]]
        $0.absentSettings = ["sliding_window"]
        $0.otherKeys = [
            "attn_type_list", "layernorm_full_attention_beta", "layernorm_linear_attention_beta", "layernorm_mlp_beta", "shared_moe_mode",
            "mtp_transformer_layers", "num_mtp_modules", "use_mtp",
        ]
    }

    private static var correctedExperts: [TensorRule] {
        let mlp = "model.layers.{}.mlp"
        return expertRules(mlp) + sharedLayers("\(mlp).shared_experts") + [
            TensorRule("\(mlp).gate.e_score_correction_bias", "blk.{}.exp_probs_b.bias", .unknown, .routerCorrection)
        ]
    }

    private static func correctedExpertKeys(usualLeadingBlocks: Int, usuallyRenormalises: Bool) -> ExpertKeys {
        ExpertKeys(
            count: ["n_routed_experts", "num_experts"], size: "moe_intermediate_size", sharedCount: "n_shared_experts",
            scale: "routed_scaling_factor", leadingBlocks: "first_k_dense_replace", usualLeadingBlocks: usualLeadingBlocks,
            bestOfGroup: 2, scoring: .sigmoid, renormalises: "norm_topk_prob", usuallyRenormalises: usuallyRenormalises,
            saysAllInGGUF: true)
    }

    /// What a block that predicts further tokens has beside the parts of the others.
    private static let predictionTensors = [
        ("eh_proj", "eh_proj"), ("enorm", "enorm"), ("hnorm", "hnorm"), ("embed_tokens", "embed_tokens"),
        ("shared_head.head", "shared_head_head"), ("shared_head.norm", "shared_head_norm"),
    ].map { TensorRule("model.layers.{}.\($0.0).weight", "blk.{}.nextn.\($0.1).weight", .unknown, .other, isOptional: true) }

    private static let otherExpertKeys = ["num_nextn_predict_layers", "num_mtp_layers", "scoring_func", "topk_method"]
}
