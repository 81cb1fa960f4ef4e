import ModelGraph

extension ArchitectureFamily {
    /// DeepSeek-V2: latent attention, many small experts in all but the first blocks, and shared ones.
    static let deepSeekV2 = llama.variation("deepseek_v2", ggufName: "deepseek2", className: "DeepseekV2ForCausalLM") {
        $0.tensors.removeAll { [.query, .key, .value].contains($0.module) }
        let attention = "model.layers.{}.self_attn"
        $0.tensors += [
            TensorRule("\(attention).q_proj.weight", "blk.{}.attn_q.weight", .linear, .query),
            TensorRule("\(attention).q_a_proj.weight", "blk.{}.attn_q_a.weight", .linear, .queryLatent),
            TensorRule("\(attention).q_a_layernorm.weight", "blk.{}.attn_q_a_norm.weight", .norm, .queryLatentNorm),
            TensorRule("\(attention).q_b_proj.weight", "blk.{}.attn_q_b.weight", .linear, .queryExpansion),
            TensorRule("\(attention).kv_a_proj_with_mqa.weight", "blk.{}.attn_kv_a_mqa.weight", .linear, .keyValueLatent),
            TensorRule("\(attention).kv_a_layernorm.weight", "blk.{}.attn_kv_a_norm.weight", .norm, .keyValueLatentNorm),
            TensorRule("\(attention).kv_b_proj.weight", "blk.{}.attn_kv_b.weight", .linear, .keyValueExpansion, .keysAndValues),
        ]
        $0.tensors += expertRules("model.layers.{}.mlp") + sharedLayers("model.layers.{}.mlp.shared_experts")
        $0.design.turnsNeighbours = true
        $0.keys.isLatent = true
        $0.keys.headDimension = nil
        $0.keys.experts = ExpertKeys(
            count: ["n_routed_experts", "num_experts"], size: "moe_intermediate_size", sharedCount: "n_shared_experts",
            scale: "routed_scaling_factor", leadingBlocks: "first_k_dense_replace", bestOfGroup: 1, groupMethod: "group_limited_greedy",
            renormalises: "norm_topk_prob", saysAllInGGUF: true)
        $0.biasSettings = [
            BiasSetting("attention_bias", .latentInput + [.attentionOutput]),
            BiasSetting(nil, .latentExpansion + .mlp + .experts + .sharedExpert),
        ]
        $0.unbiasedInGGUF = .latentInput + [.attentionOutput]
        // The factor of the weights and their sum are not taken together by the model as transformers has it.
        $0.fixedSettings = ["norm_topk_prob": false, "mlp_bias": false]
        $0.fixedValues = [
            "topk_method": ["greedy", "group_limited_greedy"], "scoring_func": ["softmax"], "moe_layer_freq": [.integer(1)],
            "ep_size": [.integer(1)],
        ]
        $0.otherKeys = ["aux_loss_alpha", "seq_aux", "topk_method"]
    }

    /// DeepSeek-V3: sigmoids for scores, experts chosen from the best groups, after a correction of each one's.
    static let deepSeekV3 = deepSeekV2.variation("deepseek_v3", ggufName: "deepseek2", className: "DeepseekV3ForCausalLM") {
        $0.tensors.append(
            TensorRule("model.layers.{}.mlp.gate.e_score_correction_bias", "blk.{}.exp_probs_b.bias", .unknown, .routerCorrection))
        $0.keys.neighbours = "rope_interleave"
        $0.keys.experts?.scoring = .sigmoid
        $0.keys.experts?.usuallyRenormalises = true
        $0.keys.experts?.usualScale = 2.5
        $0.keys.experts?.usualLeadingBlocks = 3
        $0.keys.experts?.bestOfGroup = 2
        $0.keys.experts?.groupMethod = nil
        $0.fixedSettings = [:]
        $0.fixedValues = [
            "topk_method": ["noaux_tc"], "scoring_func": ["sigmoid"], "moe_layer_freq": [.integer(1)], "ep_size": [.integer(1)],
        ]
        // Blocks that predict further tokens are carried, and not run.
        $0.hasPredictionBlocks = true
        $0.otherKeys += ["num_nextn_predict_layers", "num_mtp_layers"]
    }
}
