import FormatKit
import ModelGraph

extension TensorGraph {
    /// Fills in roles, ties, blocks and input groups from the configuration, and turns weights that the checkpoint stores as
    /// [in, out]; leaves an unknown architecture as it is.
    package mutating func apply(_ configuration: ModelConfiguration) throws {
        guard let family = configuration.family else { return }
        structure.architecture = family.name
        try renameOldNorms(family)
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
            guard let rule, family.rule(forName: tensor.name)?.block.map({ $0 < configuration.blockCount }) ?? true else { continue }
            setRole(rule.role, of: tensor.name)
        }
        let prefix = family.prefix(contains)
        tieHead(family, prefix, configuration)
        var groups: [InputGroup] = []
        for block in 0..<min(configuration.blockCount, tensors.count) {
            for group in family.inputGroups {
                let members = group.members.map { prefix.applied(to: TensorRule.filled($0, block), isOfHead: false) }.filter(contains)
                if !members.isEmpty { groups.append(InputGroup(name: group.name, block: block, members: members)) }
            }
        }
        structure.inputGroups = groups
    }

    /// A head that is absent and tied is the token embedding; one that is optional is there when what comes before it is.
    private mutating func tieHead(_ family: ArchitectureFamily, _ prefix: NamePrefix, _ configuration: ModelConfiguration) {
        guard let rule = family.rule(of: .head), configuration.tiesEmbeddings else { return }
        let head = family.name(of: rule, prefix: prefix)
        if contains(head) { return }
        if rule.isOptional, !(family.name(of: .headTransform).map(contains) ?? false) { return }
        let embedding = prefix.applied(to: family.embedding, isOfHead: false)
        if contains(embedding), !ties.contains(where: { $0.name == head }) { ties.append(Tie(name: head, target: embedding)) }
    }
}
