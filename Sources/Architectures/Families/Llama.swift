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
        family.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting("mlp_bias", .mlp)]
        family.hasFreeHeadSizeInGGUF = true
        family.derivedTensors = ["model.layers.{}.self_attn.rotary_emb.inv_freq"]
        return family
    }()

    /// Mistral: LLaMA with a sliding window. llama.cpp takes it for LLaMA.
    static let mistral = llama.variation("mistral", ggufName: "llama", className: "MistralForCausalLM") {
        $0.keys.window = WindowKeys(size: 4096, hasTypes: false)
        $0.biasSettings = [BiasSetting(nil, .attention + .mlp)]
    }

    /// Ministral: Mistral whose window only some blocks may have.
    static let ministral = llama.variation("ministral", ggufName: "llama", className: "MinistralForCausalLM") {
        $0.keys.window = WindowKeys(size: 4096)
        $0.biasSettings = [BiasSetting(nil, .attention + .mlp)]
    }

    /// Granite: LLaMA with factors for embeddings, scores, what attention and MLP add, and logits.
    static let granite = llama.variation("granite", className: "GraniteForCausalLM") {
        $0.keys.scales = ScaleKeys(
            attention: "attention_multiplier", embedding: "embedding_multiplier", residual: "residual_multiplier",
            logitDivisor: "logits_scaling")
    }

    /// SmolLM3: LLaMA of which every fourth block has no positions.
    static let smolLM3 = llama.variation("smollm3", className: "SmolLM3ForCausalLM") {
        $0.keys.tiesEmbeddings = true
        $0.keys.rotary.defaultTheta = 2_000_000
        $0.keys.rotary.unturned = .every(4)
        $0.keys.window = WindowKeys(isOptional: true)
        $0.unbiasedInGGUF = [.attentionOutput] + .mlp
    }

    /// Ministral 3: Mistral with yarn, whose queries grow with the position beyond the original context.
    static let ministral3 = llama.variation("ministral3", ggufName: "mistral3", className: "Ministral3ForCausalLM") {
        $0.keys.headSize = 128
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.rotary.defaultTheta = 1_000_000
        var usual = YaRN(factor: 16, originalContext: 16384)
        (usual.scale, usual.scaleOfAll) = (1, 1)
        $0.keys.rotary.usualScaling = .yarn(usual)
        $0.keys.rotary.usualTemperature = 0.1
        $0.keys.window = WindowKeys(hasTypes: false)
        $0.biasSettings = [BiasSetting(nil, .attention + .mlp)]
    }

    /// Arcee (AFM): LLaMA without gate, max(x, 0)².
    static let arcee = llama.variation("arcee", className: "ArceeForCausalLM") {
        $0.design.activation = .reluSquared
        $0.design.isGated = false
        $0.tensors.removeAll { $0.module == .gate }
        $0.keys.defaultEpsilon = 1e-5
        $0.unbiasedInGGUF = [.attentionOutput] + .mlp
    }

    /// Seed-OSS: LLaMA with biases of queries, keys and values.
    static let seedOSS = llama.variation("seed_oss", className: "SeedOssForCausalLM") {
        $0.setLayout(.same, of: .query, .key)
        $0.setNameInGGUF("blk.{}.post_attention_norm.weight", of: .mlpNorm)
        $0.keys.headSize = 128
        $0.biasSettings = [
            BiasSetting("attention_bias", .attentionInput, usual: true), BiasSetting("attention_out_bias", [.attentionOutput]),
            BiasSetting("mlp_bias", .mlp),
        ]
        $0.unbiasedInGGUF = [.attentionOutput] + .mlp
        $0.otherKeys = ["residual_dropout"]
    }

    /// ERNIE 4.5, of one MLP a block: LLaMA whose neighbours turn.
    static let ernie = llama.variation("ernie4_5", className: "Ernie4_5ForCausalLM") {
        $0.setLayout(.same, of: .query, .key)
        $0.design.turnsNeighbours = true
        $0.keys.headSize = 128
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.tiesEmbeddings = true
        $0.keys.rotary.defaultTheta = 500_000
        $0.biasSettings = [BiasSetting("use_bias", .attention + .mlp)]
        $0.unbiasedInGGUF = [.attentionOutput] + .mlp
    }
}
