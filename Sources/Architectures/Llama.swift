import ModelGraph

extension ArchitectureFamily {
    /// LLaMA: RMSNorm, rotary positions, grouped-query attention, SwiGLU, tied or untied head.
    public static let llama = ArchitectureFamily(
        name: "llama",
        modelTypes: ["llama"],
        className: "LlamaForCausalLM",
        tensors: [
            TensorRule("model.embed_tokens.weight", "token_embd.weight", .embedding),
            TensorRule("model.norm.weight", "output_norm.weight", .norm),
            TensorRule("lm_head.weight", "output.weight", .head),
            TensorRule("model.layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight", .norm),
            TensorRule("model.layers.{}.self_attn.q_proj.weight", "blk.{}.attn_q.weight", .linear, .interleavedQueryHeads),
            TensorRule("model.layers.{}.self_attn.k_proj.weight", "blk.{}.attn_k.weight", .linear, .interleavedKeyHeads),
            TensorRule("model.layers.{}.self_attn.v_proj.weight", "blk.{}.attn_v.weight", .linear),
            TensorRule("model.layers.{}.self_attn.o_proj.weight", "blk.{}.attn_output.weight", .linear),
            TensorRule("model.layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight", .norm),
            TensorRule("model.layers.{}.mlp.gate_proj.weight", "blk.{}.ffn_gate.weight", .linear),
            TensorRule("model.layers.{}.mlp.up_proj.weight", "blk.{}.ffn_up.weight", .linear),
            TensorRule("model.layers.{}.mlp.down_proj.weight", "blk.{}.ffn_down.weight", .linear),
        ],
        inputGroups: [
            ("attention-input", [
                "model.layers.{}.self_attn.q_proj.weight", "model.layers.{}.self_attn.k_proj.weight",
                "model.layers.{}.self_attn.v_proj.weight",
            ]),
            ("attention-output", ["model.layers.{}.self_attn.o_proj.weight"]),
            ("mlp-input", ["model.layers.{}.mlp.gate_proj.weight", "model.layers.{}.mlp.up_proj.weight"]),
            ("mlp-output", ["model.layers.{}.mlp.down_proj.weight"]),
        ],
        embedding: "model.embed_tokens.weight",
        head: "lm_head.weight")
}
