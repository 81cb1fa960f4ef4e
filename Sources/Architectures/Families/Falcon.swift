import ModelGraph
import StrictJSON

extension ArchitectureFamily {
    /// Falcon: attention and MLP side by side after one norm, queries, keys and values of each key head together; positions turn, or distances are
    /// in the scores.
    static let falcon: ArchitectureFamily = {
        var design = BlockDesign.gpt2
        design.activation = .gelu
        design.positions = .rotary
        design.isParallel = true
        design.fusedOrder = .byGroup
        var family = ArchitectureFamily(
            name: "falcon", ggufName: "falcon", className: "FalconForCausalLM", design: design,
            tensors: [
                TensorRule("word_embeddings.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("ln_f.weight", "output_norm.weight", .norm, .finalNorm),
                TensorRule("lm_head.weight", "output.weight", .head, .head),
            ] + grouped.filter { $0.module != .mlpNorm })
        family.prefixes = ["transformer.", ""]
        family.keys = ConfigurationKeys(
            intermediateSize: "ffn_hidden_size", keyValueHeadCount: "num_kv_heads", normEpsilon: "layer_norm_epsilon",
            activation: ["activation"], intermediateFactor: 4, defaultEpsilon: 1e-5, tiesEmbeddings: true, oneKeyHead: "multi_query")
        family.keys.linearPositions = "alibi"
        family.keys.headDimension = nil
        family.keys.otherNames = ["hidden_size": "n_embed"]
        family.biasSettings = [BiasSetting("bias", .attention + .mlp)]
        family.unbiasedInGGUF = .attention + .mlp
        family.otherKeys = ["new_decoder_architecture", "parallel_attn", "num_ln_in_parallel_attn", "rope_theta"]
        family.isMeant = { falconNorms($0) == 1 && $0["parallel_attn"]?.bool != false }
        return family
    }()

    /// Falcon 40B and 180B: a norm for attention and one for the MLP.
    static let falconOfTwoNorms = falcon.variation("falcon-two-norms", ggufName: "falcon", className: "FalconForCausalLM") {
        $0.modelTypes = ["falcon"]
        $0.tensors.removeAll { $0.module == .attentionNorm }
        $0.tensors += [
            TensorRule("h.{}.ln_attn.weight", "blk.{}.attn_norm_2.weight", .norm, .attentionNorm),
            TensorRule("h.{}.ln_mlp.weight", "blk.{}.attn_norm.weight", .norm, .mlpNorm),
        ]
        $0.isMeant = { falconNorms($0) == 2 && $0["parallel_attn"]?.bool != false }
    }

    /// Falcon RW: one after the other; llama.cpp has no model of it.
    static let falconInSequence = falcon.variation("falcon-in-sequence", className: "FalconForCausalLM") {
        $0.modelTypes = ["falcon"]
        $0.ggufName = nil
        $0.design.isParallel = false
        $0.tensors += grouped.filter { $0.module == .mlpNorm }
        $0.isMeant = { $0["parallel_attn"]?.bool == false }
        $0.fixedSettings["new_decoder_architecture"] = false
    }

    private static func falconNorms(_ json: JSONValue) -> Int {
        json["num_ln_in_parallel_attn"]?.integer ?? (json["new_decoder_architecture"]?.bool == true ? 2 : 1)
    }
}
