/// Linear layers of a block that read one input.
struct ModuleGroup {
    /// As `InputGroup` has it.
    let name: String
    let modules: [Module]
    /// Of the layers of one expert.
    var expert: Int?

    /// Those of blocks without experts, in the order in which they run.
    static let all = [
        ModuleGroup(name: "attention-input", modules: [.query, .key, .value, .queryKeyValue, .queryLatent, .keyValueLatent]),
        ModuleGroup(name: "query-latent", modules: [.queryExpansion]),
        ModuleGroup(name: "key-value-latent", modules: [.keyValueExpansion]),
        ModuleGroup(name: "attention-output", modules: [.attentionOutput]),
        ModuleGroup(name: "mlp-input", modules: [.gate, .up, .gateAndUp, .sharedGate, .sharedUp]),
        ModuleGroup(name: "mlp-output", modules: [.down]),
        ModuleGroup(name: "shared-output", modules: [.sharedDown]),
        ModuleGroup(name: "mixer-input", modules: [.mixerInput, .mixerGate, .mixerRate, .mixerForgetting]),
        ModuleGroup(name: "mixer-selection", modules: [.mixerSelection]),
        ModuleGroup(name: "mixer-time-step", modules: [.mixerTimeStep]),
        ModuleGroup(name: "mixer-output", modules: [.mixerOutput]),
    ]

    static func all(ofExpert expert: Int) -> [ModuleGroup] {
        [
            ModuleGroup(name: "expert-input-\(expert)", modules: [.expertGate, .expertUp], expert: expert),
            ModuleGroup(name: "expert-output-\(expert)", modules: [.expertDown], expert: expert),
        ]
    }
}
