import ModelGraph
import StrictJSON

/// Granite 4: Granite whose blocks have Mamba-2 or attention before an MLP or experts. Its type is the same without state spaces, and without experts:
/// of each there is a family.
extension ArchitectureFamily {
    /// State spaces, and one MLP a block.
    static let graniteHybrid = granite.variation("granitemoehybrid", ggufName: "granitehybrid", className: graniteHybridClass) {
        $0.becomeGranite4()
        $0.haveOneMLP()
        $0.haveStateSpaces("model.layers.{}.mamba")
        $0.isMeant = { !hasExperts($0) && hasStateSpaces($0) }
    }

    /// State spaces, and experts with one that all tokens go through.
    static let graniteHybridMoE = graniteMoEShared.variation(
        "granitemoehybrid-experts", ggufName: "granitehybrid", className: graniteHybridClass
    ) {
        $0.becomeGranite4()
        $0.haveStateSpaces("model.layers.{}.mamba")
        $0.isMeant = { hasExperts($0) && hasStateSpaces($0) }
    }

    /// Attention and an MLP in every block: llama.cpp takes it for Granite.
    static let granite4 = granite.variation("granitemoehybrid-dense", ggufName: "granite", className: graniteHybridClass) {
        $0.becomeGranite4()
        $0.haveOneMLP()
        $0.isMeant = { !hasExperts($0) && !hasStateSpaces($0) }
    }

    /// The same with experts.
    static let granite4MoE = graniteMoEShared.variation(
        "granitemoehybrid-attention", ggufName: "granitemoe", className: graniteHybridClass
    ) {
        $0.becomeGranite4()
        $0.isMeant = { hasExperts($0) && !hasStateSpaces($0) }
    }

    private static let graniteHybridClass = "GraniteMoeHybridForCausalLM"

    private static func hasExperts(_ json: JSONValue) -> Bool {
        json.object?["num_local_experts"] == nil || json["num_local_experts"]?.integer ?? 0 > 0
    }

    private static func hasStateSpaces(_ json: JSONValue) -> Bool {
        guard let kinds = json["layer_types"]?.array ?? json["layers_block_type"]?.array else { return true }
        return kinds.contains { ["mamba", "linear_attention"].contains($0.string) }
    }

    /// The type, and what all of them are asked for.
    private mutating func becomeGranite4() {
        modelTypes = ["granitemoehybrid"]
        keys.blockKinds = BlockKindKeys(names: ArchitectureFamily.kindsOfMixers, usual: .stateSpace)
        keys.rotaryChoice = "position_embedding_type"
        // The sizes of state spaces, whether there are any or not, and how much of their work is done at a time.
        otherKeys += StateSpaceKeys(kind: .heads, names: .prefixed).keys + ["mamba_chunk_size", "mamba_conv_bias", "mamba_proj_bias"]
        otherKeys += ["normalization_function", "init_method"]
    }

    /// Gate and up, one after the other, and down.
    private mutating func haveOneMLP() {
        let mlp = "model.layers.{}.shared_mlp"
        tensors.removeAll { [Module].mlp.contains($0.module) }
        tensors += [
            TensorRule("\(mlp).gate_proj.weight", "blk.{}.ffn_gate.weight", .linear, .gate),
            TensorRule("\(mlp).up_proj.weight", "blk.{}.ffn_up.weight", .linear, .up),
            TensorRule("\(mlp).output_linear.weight", "blk.{}.ffn_down.weight", .linear, .down),
        ]
        fusedTensors = [
            FusedTensor(
                name: "\(mlp).input_linear.weight", parts: ["\(mlp).gate_proj.weight", "\(mlp).up_proj.weight"], order: .rows,
                isOfExperts: false)
        ]
        keys.intermediateSize = "shared_intermediate_size"
        keys.absentExperts = "num_local_experts"
        biasSettings = [BiasSetting("attention_bias", .attention), BiasSetting(nil, .mlp)]
        otherKeys += ["intermediate_size", "num_experts_per_tok", "output_router_logits", "router_aux_loss_coef"]
    }

    /// Mamba-2 in some blocks.
    mutating func haveStateSpaces(_ mixer: String) {
        tensors += ArchitectureFamily.mamba2Rules(mixer)
        keys.stateSpace = StateSpaceKeys(kind: .heads, defaultStateSize: 256, defaultGroupCount: 1, names: .prefixed)
        biasSettings += [
            BiasSetting("mamba_proj_bias", .mixerEnds), BiasSetting("mamba_conv_bias", [.mixerConvolution], usual: true),
        ]
        unbiasedInGGUF += .mixerEnds
        biasedInGGUF = [.mixerConvolution]
    }

    /// As published, and as transformers 5 calls them.
    static let kindsOfMixers: [(name: String, parts: BlockParts)] = [
        ("mamba", .stateSpace), ("attention", .attention), ("linear_attention", .stateSpace), ("full_attention", .attention),
    ]
}
