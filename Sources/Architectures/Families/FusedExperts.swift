import ModelGraph

extension ArchitectureFamily {
    /// gpt-oss: experts with biases and a clamped gate, a sink in the scores of each head, a window in every other block.
    static let gptOss = llama.variation("gpt_oss", ggufName: "gpt-oss", className: "GptOssForCausalLM") {
        $0.setLayout(.same, of: .query, .key)
        $0.tensors.removeAll { [Module].mlp.contains($0.module) || $0.module == .mlpNorm }
        $0.tensors += [
            TensorRule("model.layers.{}.post_attention_layernorm.weight", "blk.{}.post_attention_norm.weight", .norm, .mlpNorm),
            TensorRule("model.layers.{}.self_attn.sinks", "blk.{}.attn_sinks.weight", .unknown, .sinks),
        ]
        $0.tensors += expertRules("model.layers.{}.mlp", router: "router")
        let experts = "model.layers.{}.mlp.experts"
        $0.fusedTensors = [
            FusedTensor(name: "\(experts).gate_up_proj", parts: gateAndUp(experts), order: .alternatingColumns),
            FusedTensor(name: "\(experts).down_proj", parts: ["\(experts).{}.down_proj.weight"], order: .columns),
            FusedTensor(
                name: "\(experts).gate_up_proj_bias", parts: gateAndUp(experts, "bias"), order: .alternatingColumns, isBias: true),
            FusedTensor(name: "\(experts).down_proj_bias", parts: ["\(experts).{}.down_proj.bias"], order: .columns, isBias: true),
        ]
        $0.keys.experts = ExpertKeys(
            count: ["num_local_experts", "num_experts"], usualChosen: 4, sizeInGGUF: true, hasRouterBias: true)
        $0.keys.clampsGate = true
        $0.keys.headSize = 64
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.rotary.defaultTheta = 150_000
        var usual = YaRN(factor: 32, originalContext: 4096)
        usual.truncates = false
        $0.keys.rotary.usualScaling = .yarn(usual)
        $0.keys.window = WindowKeys(size: 128, blocks: .even)
        $0.biasSettings = [BiasSetting("attention_bias", .attention, usual: true), BiasSetting(nil, .experts, usual: true)]
        $0.biasedInGGUF = .attention
        $0.slidesInGGUF = true
        $0.otherKeys = ["experts_per_token", "initial_context_length"]
    }

    /// Granite with experts.
    static let graniteMoE = granite.variation("granitemoe", className: "GraniteMoeForCausalLM") {
        $0.tensors.removeAll { [Module].mlp.contains($0.module) }
        let mlp = "model.layers.{}.block_sparse_moe"
        $0.tensors += expertRules(mlp, router: "router.layer")
        $0.fusedTensors = [
            FusedTensor(name: "\(mlp).input_linear.weight", parts: gateAndUp("\(mlp).experts"), order: .rows),
            FusedTensor(name: "\(mlp).output_linear.weight", parts: ["\(mlp).experts.{}.down_proj.weight"], order: .rows),
        ]
        $0.keys.experts = ExpertKeys(count: ["num_local_experts"], usualChosen: 2)
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .experts)]
    }

    /// The same with an expert that all tokens go through.
    static let graniteMoEShared = graniteMoE.variation(
        "granitemoeshared", ggufName: "granitemoe", className: "GraniteMoeSharedForCausalLM"
    ) {
        let mlp = "model.layers.{}.shared_mlp"
        $0.tensors += [
            TensorRule("\(mlp).gate_proj.weight", "blk.{}.ffn_gate_shexp.weight", .linear, .sharedGate),
            TensorRule("\(mlp).up_proj.weight", "blk.{}.ffn_up_shexp.weight", .linear, .sharedUp),
            TensorRule("\(mlp).output_linear.weight", "blk.{}.ffn_down_shexp.weight", .linear, .sharedDown),
        ]
        $0.fusedTensors.append(
            FusedTensor(
                name: "\(mlp).input_linear.weight", parts: ["\(mlp).gate_proj.weight", "\(mlp).up_proj.weight"], order: .rows,
                isOfExperts: false))
        $0.keys.experts?.sharedSize = "shared_intermediate_size"
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .experts + .sharedExpert)]
    }

    /// What gate and up of each expert are called in the graph.
    static func gateAndUp(_ experts: String, _ ending: String = "weight") -> [String] {
        ["\(experts).{}.gate_proj.\(ending)", "\(experts).{}.up_proj.\(ending)"]
    }
}
