import StrictJSON

/// What config.json of a family whose blocks are of several kinds calls these.
package struct BlockKindKeys: Sendable {
    /// The keys that may list the kinds by name; the first one is written.
    var lists: [String] = ["layer_types", "layers_block_type"]
    /// What kinds are called; of several names the first one is written.
    var names: [(name: String, parts: BlockParts)]
    /// The key that may have a letter for each block instead, and what these stand for.
    var letters: (key: String, parts: [Character: BlockParts])?
    /// The key that may list the numbers of the blocks with attention instead; the others have a state space.
    var indices: String?
    /// The key that may say from which block with attention to the next, the others having a state space, and what it is where it is silent.
    var interval: (key: String, usual: Int)?
    /// What all blocks are where config.json does not say.
    var usual: BlockParts

    /// Whether llama.cpp's files list the blocks with a state space, and not those with key heads.
    package var isListedByRecurrence = false
    /// Whether blocks may be an MLP alone.
    package var hasMLPsAlone: Bool { names.contains { $0.parts == .mlpAlone } }

    var keys: [String] { lists + [letters?.key, indices, interval?.key].compactMap { $0 } }

    /// The kinds of all blocks; nil where the file does not say.
    ///
    /// - Throws: `ConfigurationError` for a kind that is not known.
    func parts(_ json: JSONValue, blockCount: Int?) throws -> [BlockParts]? {
        for key in lists {
            guard let value = json[key] else { continue }
            guard let list = value.array else { throw ConfigurationError("\(key) is no list of kinds") }
            return try list.map { entry in
                guard let found = names.first(where: { $0.name == entry.string }) else {
                    throw ConfigurationError("\(key) has the kind '\(entry.string ?? "")', which is not known of this family")
                }
                return found.parts
            }
        }
        if let letters, let value = json[letters.key] {
            guard let text = value.string else { throw ConfigurationError("\(letters.key) is no text") }
            return try text.map { letter in
                guard let parts = letters.parts[letter] else {
                    throw ConfigurationError("\(letters.key) has the letter '\(letter)', which is not known of this family")
                }
                return parts
            }
        }
        if let (key, usual) = interval, let blockCount {
            let step = try json[key].map { _ in try ModelConfiguration.required(key, json) } ?? usual
            guard step > 0 else { throw ConfigurationError("\(key) is \(step)") }
            return (0..<min(max(blockCount, 0), BlockKindKeys.mostBlocks)).map { ($0 + 1) % step == 0 ? .attention : .stateSpace }
        }
        guard let key = indices, let value = json[key], let blockCount else { return nil }
        guard let list = value.array, list.allSatisfy({ $0.integer.map { $0 >= 0 && $0 < blockCount } ?? false }) else {
            throw ConfigurationError("\(key) has other than numbers of blocks, of num_hidden_layers \(blockCount)")
        }
        let numbers = Set(list.map(\.integer))
        return (0..<min(max(blockCount, 0), BlockKindKeys.mostBlocks)).map { numbers.contains($0) ? .attention : .stateSpace }
    }

    /// More blocks than any model has.
    static let mostBlocks = 1 << 16
}

extension ModelConfiguration {
    /// - Throws: `ConfigurationError` for a kind of blocks that is not known.
    mutating func readBlockKinds(_ json: JSONValue, _ keys: BlockKindKeys) throws {
        let found = try keys.parts(json, blockCount: blockCount)
        let usual = [BlockParts](repeating: keys.usual, count: min(max(blockCount, 0), BlockKindKeys.mostBlocks))
        setBlockParts(found ?? usual)
    }

    /// Blocks that all have attention and an MLP need no list.
    package mutating func setBlockParts(_ parts: [BlockParts]) {
        blockParts = parts.allSatisfy { $0 == .attention } ? nil : parts
    }

    /// The same for a config.json that is made.
    var blockKindMembers: [(key: String, value: JSONValue)] {
        guard let keys = family?.keys.blockKinds else { return [] }
        let blocks = 0..<min(max(blockCount, 0), BlockKindKeys.mostBlocks)
        guard let list = keys.lists.first else {
            let numbers = blocks.filter { parts(inBlock: $0).mixer == .attention }
            return keys.indices.map { [($0, .array(numbers.map { .integer($0) }))] } ?? []
        }
        let kinds = blocks.map { block in keys.names.first { $0.parts == parts(inBlock: block) }?.name ?? "" }
        return [(list, .array(kinds.map { .string($0) }))]
    }
}
