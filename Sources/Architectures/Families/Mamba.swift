import ModelGraph
import StrictJSON

extension ArchitectureFamily {
    /// Mamba: blocks of a norm and a selective state space, with no attention and no MLP.
    static let mamba: ArchitectureFamily = {
        var family = stateSpaces("mamba", "MambaForCausalLM", StateSpaceKeys(kind: .selective, defaultStateSize: 16))
        let mixer = "layers.{}.mixer"
        family.tensors += [
            TensorRule("\(mixer).x_proj.weight", "blk.{}.ssm_x.weight", .linear, .mixerSelection),
            TensorRule("\(mixer).dt_proj.weight", "blk.{}.ssm_dt.weight", .linear, .mixerTimeStep),
            TensorRule("\(mixer).D", "blk.{}.ssm_d", .stateSpace, .mixerSkip),
        ]
        family.biasSettings.append(BiasSetting(nil, [.mixerTimeStep], usual: true))
        family.keys.tiesEmbeddings = true
        family.otherKeys += ["use_mambapy", "use_associative_scan"]
        return family
    }()

    /// Falcon Mamba: Mamba whose B, C and time steps are divided by their root mean squares. llama.cpp takes it for Mamba with a flag.
    static let falconMamba = mamba.variation("falcon_mamba", ggufName: "mamba", className: "FalconMambaForCausalLM") {
        $0.keys.stateSpace?.normalises = true
        $0.flagInGGUF = "ssm.dt_b_c_rms"
        $0.otherKeys += ["use_falcon_mambapy"]
    }

    /// Mamba-2: heads of channels, groups of heads, and a norm before the last layer.
    static let mamba2: ArchitectureFamily = {
        var family = stateSpaces("mamba2", "Mamba2ForCausalLM", StateSpaceKeys(kind: .heads, defaultStateSize: 128))
        family.tensors += headRules("layers.{}.mixer")
        // The checkpoints of Codestral say that their norm comes before the gate; it comes after, whatever they say.
        family.otherKeys += ["chunk_size", "time_step_rank", "norm_before_gate"]
        return family
    }()

    /// The tensors of a state space of either kind.
    private static func mixerRules(_ mixer: String) -> [TensorRule] {
        [
            TensorRule("\(mixer).in_proj.weight", "blk.{}.ssm_in.weight", .linear, .mixerInput),
            TensorRule("\(mixer).conv1d.weight", "blk.{}.ssm_conv1d.weight", .stateSpace, .mixerConvolution, .channelKernels),
            TensorRule("\(mixer).A_log", "blk.{}.ssm_a", .stateSpace, .mixerDecay, .negatedExponential),
            TensorRule("\(mixer).out_proj.weight", "blk.{}.ssm_out.weight", .linear, .mixerOutput),
        ]
    }

    /// Those that Mamba-2 has beside these.
    private static func headRules(_ mixer: String) -> [TensorRule] {
        [
            TensorRule("\(mixer).dt_bias", "blk.{}.ssm_dt.bias", .stateSpace, .mixerTimeStepBias),
            TensorRule("\(mixer).D", "blk.{}.ssm_d", .stateSpace, .mixerSkip, .oneColumn),
            TensorRule("\(mixer).norm.weight", "blk.{}.ssm_norm.weight", .norm, .mixerNorm, .groupRows),
        ]
    }

    /// The tensors of Mamba-2 in blocks of other families.
    static func mamba2Rules(_ mixer: String) -> [TensorRule] { mixerRules(mixer) + headRules(mixer) }

    /// What both have.
    private static func stateSpaces(_ name: String, _ className: String, _ keys: StateSpaceKeys) -> ArchitectureFamily {
        var family = ArchitectureFamily(
            name: name, ggufName: name, className: className, design: .stateSpace,
            tensors: [
                TensorRule("embeddings.weight", "token_embd.weight", .embedding, .tokenEmbedding),
                TensorRule("norm_f.weight", "output_norm.weight", .norm, .finalNorm),
                TensorRule("lm_head.weight", "output.weight", .head, .head),
                TensorRule("layers.{}.norm.weight", "blk.{}.attn_norm.weight", .norm, .attentionNorm),
            ] + mixerRules("layers.{}.mixer"))
        family.prefixes = ["backbone.", ""]
        family.keys.normEpsilon = "layer_norm_epsilon"
        family.keys.defaultEpsilon = 1e-5
        family.keys.stateSpace = keys
        family.biasSettings = [
            BiasSetting("use_bias", .mixerEnds), BiasSetting("use_conv_bias", [.mixerConvolution], usual: true),
        ]
        family.unbiasedInGGUF = .mixerEnds
        family.biasedInGGUF = [.mixerConvolution]
        family.hasFreeHeadSizeInGGUF = true
        // Published with it; transformers does not look.
        family.fixedSettings = ["rms_norm": true]
        family.fixedValues = ["ssm_cfg": [.object(JSONObject([]))]]
        // How weights were drawn, and how much of the work is done at a time or in which floats.
        family.otherKeys = [
            "residual_in_fp32", "rescale_prenorm_residual", "time_step_min", "time_step_max", "time_step_floor", "time_step_scale",
            "time_step_init_scheme", "pad_vocab_size_multiple", "fused_add_norm", "d_model", "d_inner", "n_layer", "layer_types",
        ]
        return family
    }
}
