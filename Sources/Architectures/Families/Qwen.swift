import ModelGraph

extension ArchitectureFamily {
    /// Qwen2: LLaMA with biases on queries, keys and values, and head rows in llama.cpp's other order.
    static let qwen2 = llama.variation("qwen2", className: "Qwen2ForCausalLM") {
        $0.setLayout(.same, of: .query, .key)
        $0.biasSettings = [BiasSetting(nil, .attentionInput, usual: true), BiasSetting(nil, [.attentionOutput] + .mlp)]
        $0.hasFreeHeadSizeInGGUF = false
        $0.keys.window = WindowKeys(size: 4096, blocks: .from(28), isOptional: true)
    }

    /// Qwen2-VL and Qwen2.5-VL, their language model: Qwen2 whose rotary pairs turn by time, height and width. On text that is Qwen2, under whose
    /// name a folder of it alone is written.
    static let qwen2VL = qwen2.variation("qwen2_vl", ggufName: "qwen2vl", className: "Qwen2ForCausalLM") {
        $0.modelTypes = ["qwen2", "qwen2_vl_text", "qwen2_5_vl_text"]
        $0.isMeant = { $0["model_type"]?.string != "qwen2" || ModelConfiguration.rotarySections($0) != nil }
        $0.keys.rotary.hasSections = true
    }

    /// The same of Qwen3-VL.
    static let qwen3VL = qwen3.variation("qwen3_vl", ggufName: "qwen3vl", className: "Qwen3ForCausalLM") {
        $0.modelTypes = ["qwen3", "qwen3_vl_text"]
        $0.isMeant = { $0["model_type"]?.string != "qwen3" || ModelConfiguration.rotarySections($0) != nil }
        $0.keys.rotary.hasSections = true
    }

    /// Qwen3: Qwen2 without biases, and with norms of every query and key head.
    static let qwen3 = qwen2.variation("qwen3", className: "Qwen3ForCausalLM") {
        $0.tensors += headNorms()
        $0.design.headNorm = .each
        $0.keys.headSize = 128
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp)]
        $0.unbiasedInGGUF = [.attentionOutput]
        $0.hasFreeHeadSizeInGGUF = true
    }

    /// Qwen3.5, its language model of one MLP a block: a gated delta rule in three of four blocks, gated attention in the others, norms of 1 + w.
    static let qwen35 = qwen3.variation("qwen3_5", ggufName: "qwen35", className: "Qwen3_5ForCausalLM") {
        $0.hasPredictionBlocks = true
        $0.modelTypes = ["qwen3_5_text"]
        $0.design.norm = .rootMeanSquareOffset
        $0.design.gatesAttention = true
        $0.setLayout(.lessOne, of: .attentionNorm, .mlpNorm, .queryNorm, .keyNorm, .finalNorm)
        $0.setNameInGGUF("blk.{}.post_attention_norm.weight", of: .mlpNorm)
        $0.tensors += deltaRules("model.layers.{}.linear_attn")
        $0.keys.headSize = 256
        $0.keys.window = nil
        $0.keys.rotary.share = "partial_rotary_factor"
        $0.keys.rotary.defaultShare = 0.25
        $0.keys.rotary.hasSections = true
        $0.keys.rotary.sharesOutThirds = true
        $0.keys.blockKinds = BlockKindKeys(
            lists: ["layer_types"], names: [("linear_attention", .stateSpace), ("full_attention", .attention)],
            interval: ("full_attention_interval", 4), usual: .attention,
            isListedByRecurrence: true)
        $0.keys.stateSpace = StateSpaceKeys(
            kind: .delta, defaultStateSize: 128, defaultHeadCount: 32, defaultHeadSize: 128, defaultGroupCount: 16,
            names: StateSpaceNames(
                stateSize: "linear_key_head_dim", kernelSize: "linear_conv_kernel_dim", headCount: "linear_num_value_heads",
                headSize: "linear_value_head_dim", groupCount: "linear_num_key_heads"), isExpanded: false)
        $0.biasSettings += [BiasSetting(nil, .mixerEnds + [.mixerGate, .mixerRate, .mixerForgetting, .mixerConvolution])]
        $0.otherKeys = ["mlp_only_layers", "mamba_ssm_dtype", "attn_output_gate", "mtp_num_hidden_layers", "mtp_use_dedicated_embeddings"]
        $0.fixedSettings = ["attn_output_gate": true]
    }

    /// The tensors of a gated delta rule.
    private static func deltaRules(_ mixer: String) -> [TensorRule] {
        [
            TensorRule("\(mixer).in_proj_qkv.weight", "blk.{}.attn_qkv.weight", .linear, .mixerInput),
            TensorRule("\(mixer).in_proj_z.weight", "blk.{}.attn_gate.weight", .linear, .mixerGate),
            TensorRule("\(mixer).in_proj_b.weight", "blk.{}.ssm_beta.weight", .linear, .mixerRate),
            TensorRule("\(mixer).in_proj_a.weight", "blk.{}.ssm_alpha.weight", .linear, .mixerForgetting),
            TensorRule("\(mixer).out_proj.weight", "blk.{}.ssm_out.weight", .linear, .mixerOutput),
            TensorRule("\(mixer).conv1d.weight", "blk.{}.ssm_conv1d.weight", .stateSpace, .mixerConvolution, .channelKernels),
            TensorRule("\(mixer).A_log", "blk.{}.ssm_a", .stateSpace, .mixerDecay, .negatedExponential),
            TensorRule("\(mixer).dt_bias", "blk.{}.ssm_dt.bias", .stateSpace, .mixerTimeStepBias),
            TensorRule("\(mixer).norm.weight", "blk.{}.ssm_norm.weight", .norm, .mixerNorm),
        ]
    }

    /// The norms of queries and keys.
    static func headNorms(_ layout: TensorLayout = .same) -> [TensorRule] {
        [
            TensorRule("model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight", .norm, .queryNorm, layout),
            TensorRule("model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight", .norm, .keyNorm, layout),
        ]
    }
}
