import FormatKit
import ModelGraph

extension TensorGraph {
    /// Fills in roles, ties, blocks and input groups from the configuration, and turns weights that the checkpoint stores as
    /// [in, out]; leaves an unknown architecture as it is.
    package mutating func apply(_ configuration: ModelConfiguration) throws {
        guard let family = configuration.family else { return }
        structure.architecture = family.name
        try renameOldNorms(family)
        try splitFused(family, configuration)
        let rules = tensors.map { family.rule(forName: $0.name)?.rule }
        if zip(tensors, rules).contains(where: { $1?.layout == .transposed && !$0.isTransposedInCheckpoint }) {
            var index = 0
            self = try mapTensors { tensor in
                defer { index += 1 }
                guard rules[index]?.layout == .transposed, !tensor.isTransposedInCheckpoint else { return tensor }
                return try tensor.transposedFromCheckpoint()
            }
        }
        for (tensor, rule) in zip(tensors, rules) {
            // What lies in blocks beyond those of the configuration is carried, and is no part of the model.
            guard let rule else {
                if configuration.vision != nil, !family.isDerived(tensor.name) { setRole(.vision, of: tensor.name) }
                continue
            }
            if configuration.hasPlace(for: tensor.name, family) { setRole(rule.role, of: tensor.name) }
        }
        let prefix = family.prefix(contains)
        tieHead(family, prefix, configuration)
        var groups: [InputGroup] = []
        for block in 0..<min(configuration.blockCount, tensors.count) {
            // Of weights that blocks share the first of these stands for all.
            if block > 0 && configuration.ownBlock(block) == configuration.ownBlock(block - 1) { continue }
            for group in ModuleGroup.all { if let group = inputGroup(group, block, family, prefix, configuration) { groups.append(group) } }
            for expert in 0..<(configuration.experts(inBlock: block)?.count ?? 0) {
                let own = ModuleGroup.all(ofExpert: expert).compactMap { inputGroup($0, block, family, prefix, configuration) }
                // There are no more than tensors, whatever the configuration says.
                if own.isEmpty { break }
                groups += own
            }
        }
        structure.inputGroups = groups
    }

    /// Those of a group's layers that are there; nil for none.
    private func inputGroup(
        _ group: ModuleGroup, _ block: Int, _ family: ArchitectureFamily, _ prefix: NamePrefix, _ configuration: ModelConfiguration
    ) -> InputGroup? {
        let members = group.modules.filter { configuration.has($0, inBlock: block) }
            .compactMap {
                family.name(of: $0, prefix: prefix, block: configuration.ownBlock(block), expert: group.expert)
            }.filter(contains)
        return members.isEmpty ? nil : InputGroup(name: group.name, block: block, members: members)
    }

    /// A head that is absent and tied is the token embedding; one that is optional is there when what comes before it is.
    private mutating func tieHead(_ family: ArchitectureFamily, _ prefix: NamePrefix, _ configuration: ModelConfiguration) {
        guard let rule = family.rule(of: .head), configuration.tiesEmbeddings else { return }
        let head = family.name(of: rule, prefix: prefix)
        // The layer before the classes may be the one that is before the tokens elsewhere.
        if contains(head) || configuration.classifier != nil { return }
        if rule.isOptional, !(family.name(of: .headTransform).map(contains) ?? false) { return }
        let embedding = prefix.applied(to: family.embedding, isOfHead: false)
        if contains(embedding), !ties.contains(where: { $0.name == head }) { ties.append(Tie(name: head, target: embedding)) }
    }
}

extension ModelConfiguration {
    /// Whether a tensor of that name is of a block beyond the model's own, which predicts further tokens.
    package func isOfPredictionBlock(_ name: String) -> Bool {
        guard let family, family.hasPredictionBlocks else { return false }
        return NamePrefix.candidates(of: family).contains { prefix in
            guard let bare = prefix.removed(from: name) else { return false }
            let (general, block) = ArchitectureFamily.generalised(bare)
            return bare.hasPrefix("mtp.") || general.hasPrefix("model.layers.{}.") && block.map { $0 >= blockCount } ?? false
        }
    }

    /// Whether the model has a block, and an expert in it, for a tensor of that name.
    package func hasPlace(for name: String, _ family: ArchitectureFamily) -> Bool {
        guard let (rule, block, expert) = family.rule(forName: name) else { return false }
        guard let block else { return true }
        return block < ownBlockCount ?? blockCount && has(rule.module, inBlock: block)
            && expert.map { $0 < partCount(of: rule.module) } ?? true
    }
}
