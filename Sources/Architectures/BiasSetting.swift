/// Whether some layers of a family have biases: what a key of config.json says, or the same for every model.
struct BiasSetting: Sendable {
    let key: String?
    let modules: [Module]
    /// Where the key is not there.
    let usual: Bool

    init(_ key: String?, _ modules: [Module], usual: Bool = false) { (self.key, self.modules, self.usual) = (key, modules, usual) }
}

extension [Module] {
    static let attention: [Module] = [.query, .key, .value, .queryKeyValue, .attentionOutput]
    static let attentionInput: [Module] = [.query, .key, .value, .queryKeyValue]
    static let latentInput: [Module] = [.queryLatent, .keyValueLatent]
    static let latentExpansion: [Module] = [.query, .queryExpansion, .keyValueExpansion]
    static let mlp: [Module] = [.gate, .up, .gateAndUp, .down]
    static let mixerEnds: [Module] = [.mixerInput, .mixerOutput]
    static let experts: [Module] = [.expertGate, .expertUp, .expertDown]
    static let sharedExpert: [Module] = [.sharedRouter, .sharedGate, .sharedUp, .sharedDown]
}
