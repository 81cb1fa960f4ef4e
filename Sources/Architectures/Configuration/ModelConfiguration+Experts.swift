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
    /// The number of experts that together are the shared one, where that is said instead.
    package var sharedCount: String?
    /// What the weights are multiplied by.
    package var scale: String?
    package var usualScale = 1.0
    /// The number of blocks before the first that has experts.
    package var leadingBlocks: String?
    package var usualLeadingBlocks = 0
    /// Whether "n_group" and "topk_group" limit the choice, and how many of a group's scores are its own.
    package var bestOfGroup: Int?
    /// Whether "topk_method" has to be this for that.
    package var groupMethod: String?
    /// The blocks with experts, where they may be listed.
    package var list: String?
    package var step = "decoder_sparse_step"
    package var scoring = RoutedExperts.Scoring.softmax
    /// Whether what experts read is multiplied by their weights.
    package var weighsInput = false
    /// Whether the router has a bias.
    package var hasRouterBias = false
    /// Whether weights are never divided by their sum.
    package var hasNoSum = false
    /// Whether the weights of the chosen experts are divided by their sum; nil where they always are.
    package var renormalises: String?
    package var usuallyRenormalises = false
    /// What llama.cpp has instead for this, where its files do not say it.
    package var renormalisesInGGUF = true
    /// Whether "decoder_sparse_step" and "mlp_only_layers" say which blocks have experts.
    package var hasDenseBlocks = false
    /// Whether llama.cpp's files say all of this.
    package var saysAllInGGUF = false

    /// The keys that are read.
    var names: [String] {
        count + [chosen] + [size, sharedSize, renormalises].compactMap { $0 } + (hasDenseBlocks ? [step, ExpertKeys.dense] : [])
            + [sharedCount, scale, leadingBlocks, list].compactMap { $0 } + (list == nil ? [] : [step])
            + (bestOfGroup == nil ? [] : ["n_group", "topk_group"])
            + ["output_router_logits", "router_aux_loss_coef", "router_jitter_noise"]
    }

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
            renormalises: keys.renormalises.map { json[$0]?.bool ?? keys.usuallyRenormalises } ?? !keys.hasNoSum)
        (experts.scoring, experts.weighsInput) = (keys.scoring, keys.weighsInput)
        if let key = keys.sharedSize { experts.sharedSize = try ModelConfiguration.required(key, json) }
        try experts.readChoice(json, keys)
        if let key = keys.leadingBlocks {
            let count = json[key]?.integer ?? keys.usualLeadingBlocks
            guard count >= 0 else { throw ConfigurationError("\(key) is \(count)") }
            experts.denseBlocks = Set(0..<min(count, max(blockCount, 0), 1 << 16))
        }
        if let key = keys.list {
            experts.step = json[keys.step]?.integer ?? 1
            experts.listed = try json[key]?.array.map { Set(try $0.map { try ExpertKeys.block($0, key) }) }
        }
        if keys.hasDenseBlocks {
            experts.step = json[keys.step]?.integer ?? 1
            experts.denseBlocks = Set(
                try (json[ExpertKeys.dense]?.array ?? []).map { try ExpertKeys.block($0, ExpertKeys.dense) })
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
        if let key = keys.sharedSize, key != keys.size { members.append((key, .integer(experts.sharedSize))) }
        if let key = keys.sharedCount { members.append((key, .integer(experts.sharedSize / max(experts.size, 1)))) }
        if let key = keys.scale { members.append((key, .number(experts.scale))) }
        if let key = keys.leadingBlocks { members.append((key, .integer(experts.denseBlocks.count))) }
        if let key = keys.list {
            members.append((key, .array((0..<min(max(blockCount, 0), 1 << 16)).filter(experts.isIn).map { .integer($0) })))
        }
        if keys.bestOfGroup != nil {
            members += [("n_group", .integer(experts.groups)), ("topk_group", .integer(experts.chosenGroups))]
            if let method = keys.groupMethod { members.append(("topk_method", .string(experts.groups > 1 ? method : "greedy"))) }
        }
        if let key = keys.renormalises { members.append((key, .bool(experts.renormalises))) }
        if keys.hasDenseBlocks {
            members.append((keys.step, .integer(experts.step)))
            members.append((ExpertKeys.dense, .array(experts.denseBlocks.sorted().map { .integer($0) })))
        }
        return members
    }
}

extension ExpertKeys {
    static func block(_ entry: JSONValue, _ key: String) throws -> Int {
        guard let block = entry.integer, block >= 0 else { throw ConfigurationError("\(key) has other than blocks") }
        return block
    }
}

extension RoutedExperts {
    /// Shared experts, what weights are multiplied by, and groups.
    fileprivate mutating func readChoice(_ json: JSONValue, _ keys: ExpertKeys) throws {
        if let key = keys.sharedCount {
            let shared = try ModelConfiguration.required(key, json).multipliedReportingOverflow(by: size)
            sharedSize = shared.overflow ? -1 : shared.partialValue
        }
        if let key = keys.scale { scale = json[key]?.number ?? keys.usualScale }
        guard let best = keys.bestOfGroup, keys.groupMethod.map({ json["topk_method"]?.string == $0 }) ?? true else { return }
        if json.object?["n_group"] == nil { throw ConfigurationError("config.json has no 'n_group'") }
        bestOfGroup = best
        groups = json["n_group"]?.integer ?? 1
        chosenGroups = json["topk_group"]?.integer ?? groups
    }
}
