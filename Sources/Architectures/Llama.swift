import ModelGraph

extension ArchitectureFamily {
    /// LLaMA: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied or untied head.
    public static let llama = ArchitectureFamily(
        name: "llama",
        modelTypes: ["llama"],
        className: "LlamaForCausalLM",
        design: .llama,
        tensors: [
            TensorRule("model.embed_tokens.weight", "token_embd.weight", .embedding, .tokenEmbedding),
            TensorRule("model.norm.weight", "output_norm.weight", .norm, .finalNorm),
            TensorRule("lm_head.weight", "output.weight", .head, .head),
            TensorRule("model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm),
            TensorRule("model.layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight", .linear, .query, .interleavedQueryHeads),
            TensorRule("model.layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight", .linear, .key, .interleavedKeyHeads),
            TensorRule("model.layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight", .linear, .value),
            TensorRule("model.layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
            TensorRule("model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight", .norm, .perceptronNorm),
            TensorRule("model.layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight", .linear, .gate),
            TensorRule("model.layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight", .linear, .up),
            TensorRule("model.layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight", .linear, .down),
        ])
}
