import ModelGraph

extension ArchitectureFamily {
    /// Phi-3: LLaMA with one layer for queries, keys and values and one for gate and up.
    static let phi3 = llama.variation("phi3", className: "Phi3ForCausalLM") {
        $0.design.fusesQueryKeyValue = true
        $0.design.fusesGateAndUp = true
        $0.tensors.removeAll { [.query, .key, .value, .gate, .up].contains($0.module) }
        $0.tensors += [
            TensorRule("model.layers.{}.self_attn.qkv_proj.weight", "blk.{}.attn_qkv.weight", .linear, .queryKeyValue),
            TensorRule("model.layers.{}.mlp.gate_up_proj.weight", "blk.{}.ffn_up.weight", .linear, .gateAndUp),
        ]
    }
}
