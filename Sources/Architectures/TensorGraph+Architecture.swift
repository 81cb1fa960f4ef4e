import FormatKit
import ModelGraph

extension TensorGraph {
    /// The hyperparameters, from config.json if it travels with the model and otherwise from GGUF metadata.
    ///
    /// - Returns: nil when neither is there or the family is not known.
    /// - Throws: `ConfigurationError`, `FormatError` for a configuration that is there and broken.
    public func configuration() throws -> ModelConfiguration? {
        if let config = attachment("config.json") {
            return try ModelConfiguration(configJSON: config.bytes, path: "config.json")
        }
        guard let family = metadata["general.architecture"]?.string.flatMap(ArchitectureFamily.named) else { return nil }
        return try ModelConfiguration(
            metadata: metadata, vocabularySize: self[family.embedding]?.shape.rows,
            tiesEmbeddings: family.head.map { !contains($0) } ?? false)
    }

    /// Fills in roles, ties, blocks and input groups from the configuration; leaves an unknown architecture as it is.
    ///
    /// - Returns: whether the architecture is known.
    @discardableResult
    public mutating func applyArchitecture() throws -> Bool {
        guard let configuration = try configuration(), let family = ArchitectureFamily.named(configuration.architecture) else {
            return false
        }
        structure.architecture = family.name
        for tensor in tensors {
            if let match = family.rule(forName: tensor.name) { setRole(match.rule.role, of: tensor.name) }
        }
        if let head = family.head, configuration.tiesEmbeddings, !contains(head), contains(family.embedding),
            !ties.contains(where: { $0.name == head })
        {
            ties.append(Tie(name: head, target: family.embedding))
        }
        let prefix = family.prefix(contains)
        structure.inputGroups = []
        for block in 0..<min(configuration.blockCount, tensors.count) {
            for group in family.inputGroups {
                let members = group.members.map { prefix + TensorRule.filled($0, block) }.filter(contains)
                if !members.isEmpty { structure.inputGroups.append(InputGroup(name: group.name, block: block, members: members)) }
            }
        }
        return true
    }
}
