import ModelGraph

extension ArchitectureFamily {
    /// LLaMA: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied or untied head, biases where a checkpoint has them.
    public static let llama: ArchitectureFamily = {
        var family = ArchitectureFamily(
            name: "llama", ggufName: "llama", className: "LlamaForCausalLM", design: .llama,
            tensors: [
                TensorRule("model.embed_tokens.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("model.norm.weight", "output_norm.weight", .norm, .finalNorm),
                TensorRule("lm_head.weight", "output.weight", .head, .head),
                TensorRule("model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm),
                TensorRule("model.layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight", .linear, .query, .interleavedQueryHeads),
                TensorRule("model.layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight", .linear, .key, .interleavedKeyHeads),
                TensorRule("model.layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight", .linear, .value),
                TensorRule("model.layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
                TensorRule("model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight", .norm, .mlpNorm),
                TensorRule("model.layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight", .linear, .gate),
                TensorRule("model.layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight", .linear, .up),
                TensorRule("model.layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight", .linear, .down),
            ])
        family.derivedTensors = ["model.layers.{}.self_attn.rotary_emb.inv_freq"]
        return family
    }()

    /// Mistral: LLaMA with a sliding window. llama.cpp takes it for LLaMA.
    static let mistral = llama.variation("mistral", ggufName: "llama", className: "MistralForCausalLM") { $0.keys.window = 4096 }

    /// Qwen2: LLaMA with biases on queries, keys and values, and head rows in llama.cpp's other order.
    static let qwen2 = llama.variation("qwen2", className: "Qwen2ForCausalLM") { $0.setLayout(.same, of: .query, .key) }

    /// Qwen3: Qwen2 without biases, and with norms of every query and key head.
    static let qwen3 = qwen2.variation("qwen3", className: "Qwen3ForCausalLM") {
        $0.tensors += [
            TensorRule("model.layers.{}.self_attn.q_norm.weight", "blk.{}.attn_q_norm.weight", .norm, .queryNorm),
            TensorRule("model.layers.{}.self_attn.k_norm.weight", "blk.{}.attn_k_norm.weight", .norm, .keyNorm),
        ]
        $0.design.normsHeads = true
        $0.keys.headSize = 128
    }
}
