import ModelGraph
import StrictJSON

extension ArchitectureFamily {
    /// Bamba: LLaMA whose blocks have Mamba-2 before the MLP but for a few, in which a half of each head turns.
    static let bamba = llama.variation("bamba", className: "BambaForCausalLM") {
        // llama.cpp takes it for Granite 4, whose whole heads turn.
        $0.ggufName = nil
        $0.setNames([
            .mlpNorm: "model.layers.{}.pre_ff_layernorm.weight", .gate: "model.layers.{}.feed_forward.gate_proj.weight",
            .up: "model.layers.{}.feed_forward.up_proj.weight", .down: "model.layers.{}.feed_forward.down_proj.weight",
            .finalNorm: "model.final_layernorm.weight",
        ])
        $0.haveStateSpaces("model.layers.{}.mamba")
        $0.keys.blockKinds = BlockKindKeys(
            lists: [], names: kindsOfMixers, indices: "attn_layer_indices", usual: .stateSpace)
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.rotary.share = "partial_rotary_factor"
        $0.keys.rotary.defaultShare = 0.5
        $0.otherKeys = ["mamba_chunk_size", "num_logits_to_keep", "z_loss_coefficient", "attn_rotary_emb"]
    }

    /// Nemotron-H: blocks of Mamba-2, of attention without positions, and of an MLP, max(x, 0)² without gate, each alone after a norm.
    static let nemotronH: ArchitectureFamily = {
        var design = BlockDesign.llama
        (design.positions, design.activation, design.isGated) = (.none, .reluSquared, false)
        let mixer = "layers.{}.mixer"
        var family = ArchitectureFamily(
            name: "nemotron_h", ggufName: "nemotron_h", className: "NemotronHForCausalLM", design: design,
            tensors: [
                TensorRule("embeddings.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("norm_f.weight", "output_norm.weight", .norm, .finalNorm),
                TensorRule("lm_head.weight", "output.weight", .head, .head),
                TensorRule("layers.{}.norm.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm),
                // Heads do not turn, and yet llama.cpp's converter has their rows in the order for that.
                TensorRule("\(mixer).q_proj.weight", "blk.{}.attn_q.weight", .linear, .query, .interleavedQueryHeads),
                TensorRule("\(mixer).k_proj.weight", "blk.{}.attn_k.weight", .linear, .key, .interleavedKeyHeads),
                TensorRule("\(mixer).v_proj.weight", "blk.{}.attn_v.weight", .linear, .value),
                TensorRule("\(mixer).o_proj.weight", "blk.{}.attn_output.weight", .linear, .attentionOutput),
                TensorRule("\(mixer).up_proj.weight", "blk.{}.ffn_up.weight", .linear, .up),
                TensorRule("\(mixer).down_proj.weight", "blk.{}.ffn_down.weight", .linear, .down),
            ] + mamba2Rules(mixer))
        family.prefixes = ["backbone.", "model.", ""]
        family.keys.headSize = 128
        family.keys.normEpsilon = "layer_norm_epsilon"
        family.keys.defaultEpsilon = 1e-5
        family.keys.activation = ["mlp_hidden_act"]
        family.keys.blockKinds = BlockKindKeys(
            lists: ["layers_block_type", "layer_types"],
            names: [
                ("mamba", .stateSpaceAlone), ("attention", .attentionAlone), ("mlp", .mlpAlone), ("linear_attention", .stateSpaceAlone),
                ("full_attention", .attentionAlone),
            ],
            letters: ("hybrid_override_pattern", ["M": .stateSpaceAlone, "*": .attentionAlone, "-": .mlpAlone]), usual: .mlpAlone)
        var keys = StateSpaceKeys(kind: .heads, defaultStateSize: 128, isExpanded: false, activation: "mamba_hidden_act")
        (keys.names.stateSize, keys.names.headCount, keys.names.headSize) = ("ssm_state_size", "mamba_num_heads", "mamba_head_dim")
        // As transformers has it, whatever "time_step_limit" says.
        keys.leastStep = ("time_step_min", 0.001)
        family.keys.stateSpace = keys
        family.biasSettings = [
            BiasSetting("attention_bias", .attention), BiasSetting("mlp_bias", .mlp), BiasSetting("use_bias", .mixerEnds),
            BiasSetting("use_conv_bias", [.mixerConvolution], usual: true),
        ]
        family.unbiasedInGGUF = .mixerEnds
        family.biasedInGGUF = [.mixerConvolution]
        family.hasFreeHeadSizeInGGUF = true
        family.isMeant = { !hasRoutedBlocks($0) }
        family.absentSettings = ["sliding_window"]
        family.otherKeys = nemotronHKeys
        return family
    }()

    /// How weights were drawn and how work is done, the sizes of experts that no block has, and what predicts further tokens.
    private static let nemotronHKeys = [
        "num_logits_to_keep", "use_mamba_kernels", "time_step_max", "time_step_floor", "chunk_size", "mamba_proj_bias",
        "mamba_ssm_cache_dtype", "n_routed_experts", "output_router_logits", "n_shared_experts", "moe_intermediate_size",
        "moe_shared_expert_intermediate_size", "moe_latent_size", "moe_shared_expert_overlap", "num_experts_per_tok",
        "routed_scaling_factor", "n_group", "topk_group", "norm_topk_prob", "num_nextn_predict_layers", "mtp_layers_block_type",
        "residual_in_fp32", "rescale_prenorm_residual", "rms_norm_eps", "num_query_groups", "attention_head_dim", "time_step_rank",
        "mamba_dt_min", "mamba_dt_max", "mamba_dt_init_floor", "mtp_hybrid_override_pattern",
    ]

    /// Whether blocks have experts, which are not run.
    private static func hasRoutedBlocks(_ json: JSONValue) -> Bool {
        let kinds = json["layers_block_type"]?.array ?? json["layer_types"]?.array
        return kinds?.contains { $0.string == "moe" } ?? (json["hybrid_override_pattern"]?.string?.contains("E") ?? true)
    }

    /// LFM2: a gated convolution over the last few tokens before the MLP in most blocks, attention with norms of heads in the others.
    static let lfm2 = llama.variation("lfm2", className: "Lfm2ForCausalLM") {
        let block = "model.layers.{}"
        $0.design.headNorm = .each
        $0.setLayout(.same, of: .query, .key)
        $0.setNames([
            .attentionNorm: "\(block).operator_norm.weight", .attentionOutput: "\(block).self_attn.out_proj.weight",
            .mlpNorm: "\(block).ffn_norm.weight", .gate: "\(block).feed_forward.w1.weight", .up: "\(block).feed_forward.w3.weight",
            .down: "\(block).feed_forward.w2.weight", .finalNorm: "model.embedding_norm.weight",
        ])
        $0.setNameInGGUF("token_embd_norm.weight", of: .finalNorm)
        $0.tensors += [
            TensorRule("\(block).self_attn.q_layernorm.weight", "blk.{}.attn_q_norm.weight", .norm, .queryNorm),
            TensorRule("\(block).self_attn.k_layernorm.weight", "blk.{}.attn_k_norm.weight", .norm, .keyNorm),
            TensorRule("\(block).conv.in_proj.weight", "blk.{}.shortconv.in_proj.weight", .linear, .mixerInput),
            TensorRule("\(block).conv.conv.weight", "blk.{}.shortconv.conv.weight", .stateSpace, .mixerConvolution, .channelKernels),
            TensorRule("\(block).conv.out_proj.weight", "blk.{}.shortconv.out_proj.weight", .linear, .mixerOutput),
        ]
        $0.keys.otherNames = ["intermediate_size": "block_ff_dim"]
        $0.keys.adjustsIntermediateSize = true
        $0.keys.normEpsilon = "norm_eps"
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.activation = []
        $0.keys.tiesEmbeddings = true
        $0.keys.rotary.defaultTheta = 1_000_000
        $0.keys.blockKinds = BlockKindKeys(
            lists: ["layer_types"], names: [("conv", .stateSpace), ("full_attention", .attention)], indices: "full_attn_idxs",
            usual: .attention)
        $0.keys.stateSpace = StateSpaceKeys(kind: .convolution, names: StateSpaceNames(kernelSize: "conv_L_cache"))
        $0.biasSettings = [
            BiasSetting("conv_bias", .mixerEnds + [.mixerConvolution]), BiasSetting(nil, .attention + .mlp),
        ]
        $0.unbiasedInGGUF = .mixerEnds + [.mixerConvolution]
        $0.hasFreeHeadSizeInGGUF = false
        $0.fixedSettings = ["block_use_swiglu": true, "use_pos_enc": true, "tie_embedding": true]
        // Sizes that are those of other keys, and how weights were drawn.
        $0.otherKeys = [
            "block_dim", "block_mlp_init_scale", "block_norm_eps", "block_out_init_scale", "block_use_xavier_init", "conv_dim",
            "conv_dim_out", "conv_use_xavier_init", "num_heads",
        ]
    }

    /// Gives the tensors of some modules other names.
    private mutating func setNames(_ names: [Module: String]) {
        for index in tensors.indices { if let name = names[tensors[index].module] { tensors[index].name = name } }
    }
}
