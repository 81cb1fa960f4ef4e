import ModelGraph

extension ArchitectureFamily {
    /// Llama 4, text alone: chunks of positions in blocks that turn, and no positions in the others; what experts read is multiplied by their weight.
    static let llama4 = llama.variation("llama4_text", ggufName: "llama4", className: "Llama4ForCausalLM") {
        $0.tensors = llama.tensors.map { rule in
            var rule = rule
            rule.name = rule.name.replacing("{}.mlp.", with: "{}.feed_forward.")
            return rule
        }
        $0.setLayout(.same, of: .query, .key)
        let mlp = "model.layers.{}.feed_forward"
        $0.tensors += expertRules(mlp, router: "router") + sharedLayers("\(mlp).shared_expert")
        $0.fusedTensors = [
            FusedTensor(name: "\(mlp).experts.gate_up_proj", parts: gateAndUp("\(mlp).experts"), order: .columns),
            FusedTensor(name: "\(mlp).experts.down_proj", parts: ["\(mlp).experts.{}.down_proj.weight"], order: .columns),
        ]
        $0.design.turnsNeighbours = true
        $0.keys.normalisesTurned = true
        $0.keys.intermediateSize = "intermediate_size_mlp"
        $0.keys.headSize = 128
        $0.keys.defaultEpsilon = 1e-5
        $0.keys.rotary.defaultTheta = 500_000
        $0.keys.rotary.unturned = .every(4)
        var window = WindowKeys(size: 8192, blocks: .allButEvery(4))
        (window.name, window.type, window.isChunked) = ("attention_chunk_size", "chunked_attention", true)
        $0.keys.window = window
        $0.keys.experts = ExpertKeys(
            count: ["num_local_experts"], usualChosen: 1, size: "intermediate_size", sharedSize: "intermediate_size",
            list: "moe_layers", step: "interleave_moe_layer_step", scoring: .sigmoid, weighsInput: true, hasNoSum: true,
            renormalisesInGGUF: false)
        $0.biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp + .experts + .sharedExpert)]
        $0.slidesInGGUF = true
        $0.hasFreeHeadSizeInGGUF = true
    }

    /// The layers of an expert that all tokens go through, of no weight.
    static func sharedLayers(_ expert: String) -> [TensorRule] {
        [
            TensorRule("\(expert).gate_proj.weight", "blk.{}.ffn_gate_shexp.weight", .linear, .sharedGate),
            TensorRule("\(expert).up_proj.weight", "blk.{}.ffn_up_shexp.weight", .linear, .sharedUp),
            TensorRule("\(expert).down_proj.weight", "blk.{}.ffn_down_shexp.weight", .linear, .sharedDown),
        ]
    }
}
