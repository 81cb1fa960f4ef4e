import ModelGraph

extension ArchitectureFamily {
    /// Qwen2: LLaMA with biases on queries, keys and values, and head rows in llama.cpp's other order.
    static let qwen2 = llama.variation("qwen2", className: "Qwen2ForCausalLM") {
        $0.setLayout(.same, of: .query, .key)
        $0.biasSettings = [BiasSetting(nil, .attentionInput, usual: true), BiasSetting(nil, [.attentionOutput] + .mlp)]
        $0.hasFreeHeadSizeInGGUF = false
        $0.keys.window = WindowKeys(size: 4096, blocks: .from(28), isOptional: true)
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
