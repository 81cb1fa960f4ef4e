import ModelGraph

extension ArchitectureFamily {
    /// OPT: layer norms, learned positions that begin at the third row of their table, ReLU.
    static let opt: ArchitectureFamily = {
        var family = ArchitectureFamily(
            name: "opt", ggufName: nil, className: "OPTForCausalLM", design: .opt,
            tensors: [
                TensorRule("decoder.embed_tokens.weight", "", .embedding, .tokenEmbedding),
                TensorRule("decoder.embed_positions.weight", "", .embedding, .positionEmbedding),
                TensorRule("decoder.final_layer_norm.weight", "", .norm, .finalNorm),
                TensorRule("lm_head.weight", "", .head, .head),
                TensorRule("decoder.layers.{}.self_attn_layer_norm.weight", "", .norm, .attentionNorm),
                TensorRule("decoder.layers.{}.self_attn.q_proj.weight", "", .linear, .query),
                TensorRule("decoder.layers.{}.self_attn.k_proj.weight", "", .linear, .key),
                TensorRule("decoder.layers.{}.self_attn.v_proj.weight", "", .linear, .value),
                TensorRule("decoder.layers.{}.self_attn.out_proj.weight", "", .linear, .attentionOutput),
                TensorRule("decoder.layers.{}.final_layer_norm.weight", "", .norm, .mlpNorm),
                TensorRule("decoder.layers.{}.fc1.weight", "", .linear, .up),
                TensorRule("decoder.layers.{}.fc2.weight", "", .linear, .down),
            ])
        family.prefixes = ["model.", ""]
        family.keys = ConfigurationKeys(
            intermediateSize: "ffn_dim", activation: ["activation_function"], defaultEpsilon: 1e-5, tiesEmbeddings: true)
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        // A norm after each part is what the 350 M checkpoint has, together with projected embeddings.
        family.fixedSettings = [
            "do_layer_norm_before": true, "_remove_final_layer_norm": false, "layer_norm_elementwise_affine": true,
        ]
        return family
    }()
}
