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

    /// The norms of queries and keys.
    static func headNorms(_ layout: TensorLayout = .same) -> [TensorRule] {
        [
            TensorRule("model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight", .norm, .queryNorm, layout),
            TensorRule("model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight", .norm, .keyNorm, layout),
        ]
    }
}
