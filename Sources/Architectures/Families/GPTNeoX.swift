import ModelGraph

extension ArchitectureFamily {
    /// GPT-NeoX and Pythia: attention and MLP side by side, each after a norm of its own, queries, keys and values of each head together in
    /// one layer, a part of each head that turns.
    static let gptNeoX: ArchitectureFamily = {
        var design = BlockDesign.gpt2
        design.activation = .gelu
        design.positions = .rotary
        design.isParallel = true
        design.fusedOrder = .byGroup
        var family = ArchitectureFamily(
            name: "gpt_neox", ggufName: "gptneox", className: "GPTNeoXForCausalLM", design: design,
            tensors: [
                TensorRule("embed_in.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("final_layer_norm.weight", "output_norm.weight", .norm, .finalNorm),
                TensorRule("embed_out.weight", "output.weight", .head, .head),
                TensorRule("layers.{}.input_layernorm.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm),
                TensorRule("layers.{}.attention.query_key_value.weight", "blk.{}.attn_qkv.weight", .linear, .queryKeyValue, .grouped),
                TensorRule("layers.{}.attention.dense.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
                TensorRule("layers.{}.post_attention_layernorm.weight", "blk.{}.ffn_norm.weight", .norm, .mlpNorm),
                TensorRule("layers.{}.mlp.dense_h_to_4h.weight", "blk.{}.ffn_up.weight", .linear, .up),
                TensorRule("layers.{}.mlp.dense_4h_to_h.weight", "blk.{}.ffn_down.weight", .linear, .down),
            ])
        family.prefixes = ["gpt_neox.", ""]
        family.keys = ConfigurationKeys(normEpsilon: "layer_norm_eps", defaultEpsilon: 1e-5, parallel: "use_parallel_residual")
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        family.biasSettings = [BiasSetting("attention_bias", .attention, usual: true), BiasSetting(nil, .mlp, usual: true)]
        family.biasedInGGUF = [.queryKeyValue, .attentionOutput]
        family.keys.rotary = RotaryKeys(theta: "rotary_emb_base", share: "rotary_pct", defaultShare: 0.25)
        family.derivedTensors = [
            "layers.{}.attention.rotary_emb.inv_freq", "layers.{}.attention.bias", "layers.{}.attention.masked_bias",
        ]
        return family
    }()

    /// GPT-J: attention and MLP side by side after one norm, neighbours of a part of each head turn, a bias of the head. llama.cpp has no
    /// model of it.
    static let gptJ: ArchitectureFamily = {
        var design = BlockDesign.gpt2
        design.positions = .rotary
        design.isParallel = true
        design.turnsNeighbours = true
        design.fusesQueryKeyValue = false
        var family = ArchitectureFamily(
            name: "gptj", ggufName: nil, className: "GPTJForCausalLM", design: design,
            tensors: [
                TensorRule("wte.weight", "", .embedding, .tokenEmbedding),
                TensorRule("ln_f.weight", "", .norm, .finalNorm),
                TensorRule("lm_head.weight", "", .head, .head),
                TensorRule("h.{}.ln_1.weight", "", .norm, .attentionNorm),
                TensorRule("h.{}.attn.q_proj.weight", "", .linear, .query),
                TensorRule("h.{}.attn.k_proj.weight", "", .linear, .key),
                TensorRule("h.{}.attn.v_proj.weight", "", .linear, .value),
                TensorRule("h.{}.attn.out_proj.weight", "", .linear, .attentionOutput),
                TensorRule("h.{}.mlp.fc_in.weight", "", .linear, .up),
                TensorRule("h.{}.mlp.fc_out.weight", "", .linear, .down),
            ])
        family.prefixes = ["transformer.", ""]
        family.keys = ConfigurationKeys(
            hiddenSize: "n_embd", intermediateSize: "n_inner", blockCount: "n_layer", headCount: "n_head", contextLength: "n_positions",
            normEpsilon: "layer_norm_epsilon", activation: ["activation_function"], intermediateFactor: 4, defaultEpsilon: 1e-5)
        family.keys.otherNames = gptNames
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        family.keys.rotary.size = "rotary_dim"
        family.derivedTensors = ["h.{}.attn.bias", "h.{}.attn.masked_bias"]
        family.otherKeys = ["n_ctx", "rotary", "scale_attn_weights"]
        return family
    }()

    /// GPT-Neo: GPT-2 with layers of their own for queries, keys and values, scores that nothing divides, and a window in some blocks. llama.cpp
    /// has no model of it.
    static let gptNeo: ArchitectureFamily = {
        var design = BlockDesign.gpt2
        design.fusesQueryKeyValue = false
        let attention = "h.{}.attn.attention"
        var family = ArchitectureFamily(
            name: "gpt_neo", ggufName: nil, className: "GPTNeoForCausalLM", design: design,
            tensors: [
                TensorRule("wte.weight", "", .embedding, .tokenEmbedding),
                TensorRule("wpe.weight", "", .embedding, .positionEmbedding),
                TensorRule("ln_f.weight", "", .norm, .finalNorm),
                TensorRule("lm_head.weight", "", .head, .head),
                TensorRule("h.{}.ln_1.weight", "", .norm, .attentionNorm),
                TensorRule("\(attention).q_proj.weight", "", .linear, .query),
                TensorRule("\(attention).k_proj.weight", "", .linear, .key),
                TensorRule("\(attention).v_proj.weight", "", .linear, .value),
                TensorRule("\(attention).out_proj.weight", "", .linear, .attentionOutput),
                TensorRule("h.{}.ln_2.weight", "", .norm, .mlpNorm),
                TensorRule("h.{}.mlp.c_fc.weight", "", .linear, .up),
                TensorRule("h.{}.mlp.c_proj.weight", "", .linear, .down),
            ])
        family.prefixes = ["transformer.", ""]
        family.keys = ConfigurationKeys(
            blockCount: "num_layers", headCount: "num_heads", normEpsilon: "layer_norm_epsilon", activation: ["activation_function"],
            intermediateFactor: 4, defaultEpsilon: 1e-5, tiesEmbeddings: true)
        family.keys.otherNames = ["num_layers": "num_hidden_layers", "num_heads": "num_attention_heads"]
        (family.keys.keyValueHeadCount, family.keys.headDimension) = (nil, nil)
        family.keys.attentionScalar = 1
        var window = WindowKeys(size: 256, blocks: .listed([]))
        (window.name, window.type, window.counts) = ("window_size", "local", "attention_types")
        family.keys.window = window
        family.derivedTensors = ["\(attention).bias", "\(attention).masked_bias"]
        family.otherKeys = ["attention_layers", "embed_dropout"]
        return family
    }()
}
