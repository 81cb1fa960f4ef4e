import StrictJSON

/// What config.json of a family with experts calls their hyperparameters.
package struct ExpertKeys: Sendable {
    /// The number of experts, by the first of these names that is there.
    package var count: [String]
    package var chosen = "num_experts_per_tok"
    package var usualChosen: Int?
    /// Nil where experts have the intermediate size of the model.
    package var size: String?
    /// Whether GGUF has it beside that of the model even so.
    package var sizeInGGUF = false
    /// The intermediate size of a shared expert; nil for families without.
    package var sharedSize: String?
    package var scoring = RoutedExperts.Scoring.softmax
    /// Whether what experts read is multiplied by their weights.
    package var weighsInput = false
    /// Whether the router has a bias.
    package var hasRouterBias = false
    /// Whether the weights of the chosen experts are divided by their sum; nil where they always are.
    package var renormalises: String?
    /// What llama.cpp has instead for this, which its files do not say.
    package var renormalisesInGGUF = true
    /// Whether "decoder_sparse_step" and "mlp_only_layers" say which blocks have experts.
    package var hasDenseBlocks = false

    /// The keys that are read.
    var names: [String] {
        count + [chosen] + [size, sharedSize, renormalises].compactMap { $0 } + (hasDenseBlocks ? [ExpertKeys.step, ExpertKeys.dense] : [])
            + ["output_router_logits", "router_aux_loss_coef", "router_jitter_noise"]
    }

    static let step = "decoder_sparse_step"
    static let dense = "mlp_only_layers"
}

extension ModelConfiguration {
    /// - Throws: `ConfigurationError` naming a key that is missing or has an impossible value.
    mutating func readExperts(_ json: JSONValue, _ keys: ExpertKeys?) throws {
        guard let keys else { return }
        guard let count = keys.count.lazy.compactMap({ json[$0]?.integer }).first else {
            throw ConfigurationError("config.json has no integer '\(keys.count[0])'")
        }
        let chosen = json.object?[keys.chosen] == nil ? keys.usualChosen : nil
        var experts = RoutedExperts(
            count: count, chosen: try chosen ?? ModelConfiguration.required(keys.chosen, json),
            size: try keys.size.map { try ModelConfiguration.required($0, json) } ?? intermediateSize,
            renormalises: keys.renormalises.map { json[$0]?.bool ?? false } ?? true)
        (experts.scoring, experts.weighsInput) = (keys.scoring, keys.weighsInput)
        if let key = keys.sharedSize { experts.sharedSize = try ModelConfiguration.required(key, json) }
        if keys.hasDenseBlocks {
            experts.step = json[ExpertKeys.step]?.integer ?? 1
            experts.denseBlocks = Set(
                try (json[ExpertKeys.dense]?.array ?? []).map { entry in
                    guard let block = entry.integer, block >= 0 else { throw ConfigurationError("mlp_only_layers has other than blocks") }
                    return block
                })
        }
        self.experts = experts
    }

    /// The same for a config.json that is made.
    func expertMembers(_ keys: ExpertKeys?) -> [(key: String, value: JSONValue)] {
        guard let keys, let experts else { return [] }
        var members: [(key: String, value: JSONValue)] = [
            (keys.count[0], .integer(experts.count)), (keys.chosen, .integer(experts.chosen)),
        ]
        if let key = keys.size { members.append((key, .integer(experts.size))) }
        if let key = keys.sharedSize { members.append((key, .integer(experts.sharedSize))) }
        if let key = keys.renormalises { members.append((key, .bool(experts.renormalises))) }
        if keys.hasDenseBlocks {
            members.append((ExpertKeys.step, .integer(experts.step)))
            members.append((ExpertKeys.dense, .array(experts.denseBlocks.sorted().map { .integer($0) })))
        }
        return members
    }
}
