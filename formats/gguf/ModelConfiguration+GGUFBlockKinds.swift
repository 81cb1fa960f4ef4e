import Architectures
import ModelGraph

/// What files say of blocks of several kinds: key heads and the width of the MLP as a list with a number for each block, 0 where there are none.
extension ModelConfiguration {
    /// - Parameter required: the number of a key of the architecture.
    /// - Throws: `ConfigurationError` for lists of another length, and for sizes that differ from block to block.
    mutating func readBlockKinds(
        _ keys: BlockKindKeys, _ name: String, _ metadata: Metadata, _ required: (String) throws -> Int
    ) throws {
        guard blockCount > 0, blockCount <= 1 << 16 else { throw ConfigurationError("'\(name).block_count' is \(blockCount)") }
        /// A number for each block, and the one size that is not 0.
        func sizes(_ key: String) throws -> (all: [Int], size: Int?)? {
            guard let value = metadata["\(name).\(key)"] else { return nil }
            guard let list = value.array else {
                let one = try required(key)
                return ([Int](repeating: one, count: blockCount), one)
            }
            let numbers = list.compactMap(\.integer)
            guard list.count >= blockCount, numbers.count == list.count, !numbers.contains(where: { $0 < 0 }) else {
                throw ConfigurationError("'\(name).\(key)' is no list of sizes of \(blockCount) blocks")
            }
            let found = Set(numbers.filter { $0 > 0 })
            guard found.count <= 1 else { throw ConfigurationError("'\(name).\(key)' has blocks of several sizes") }
            return (Array(numbers.prefix(blockCount)), found.first)
        }
        let heads = try sizes("attention.head_count_kv")
        guard let widths = try sizes("feed_forward_length") else {
            throw ConfigurationError("metadata has no integer '\(name).feed_forward_length'")
        }
        (keyValueHeadCount, intermediateSize) = (heads?.size ?? headCount, widths.size ?? 0)
        // As the file lists them, or every fourth with attention.
        let recurrent = metadata["\(name).attention.recurrent_layers"]?.array.map { $0.map { $0.bool == true || ($0.integer ?? 0) > 0 } }
        let step = metadata["\(name).full_attention_interval"]?.integer ?? 4
        if keys.isListedByRecurrence, recurrent.map({ $0.count < blockCount }) ?? (step < 1) {
            throw ConfigurationError("metadata does not say which of \(blockCount) blocks have attention")
        }
        let parts = (0..<blockCount).map { block -> BlockParts in
            if keys.isListedByRecurrence { return recurrent?[block] ?? ((block + 1) % step != 0) ? .stateSpace : .attention }
            let (hasHeads, hasMLP) = ((heads?.all[block] ?? headCount) > 0, widths.all[block] > 0)
            if hasHeads { return hasMLP ? BlockParts.attention : .attentionAlone }
            if keys.hasMLPsAlone, hasMLP { return .mlpAlone }
            return hasMLP ? .stateSpace : .stateSpaceAlone
        }
        setBlockParts(parts)
        if let keys = family?.keys.stateSpace, parts.contains(where: { $0.mixer == .stateSpace }) { try readStateSpace(keys, required) }
    }

    /// Whether queries and keys turn, of architectures whose files say that.
    func isTurned(_ value: (String) -> MetadataValue?) -> Bool { value("rope.scaling.finetuned")?.bool ?? true }

    mutating func readRotaryChoice(_ value: (String) -> MetadataValue?, _ family: ArchitectureFamily) throws {
        if family.keys.rotaryChoice != nil {
            design.positions = isTurned(value) ? .rotary : .none
        } else if ["granite", "granitemoe"].contains(family.ggufName), !isTurned(value) {
            unsupportedFeatures.append("rope.scaling.finetuned false")
        }
        // Of half a head that turns the published family says nothing.
        if family.keys.rotaryChoice != nil, design.positions == .rotary, rotarySize != headSize {
            unsupportedFeatures.append("rope.dimension_count \(rotarySize)")
        }
    }

    /// As llama.cpp's converter writes them.
    var ggufBlockKinds: [(key: String, value: MetadataValue)] {
        guard let keys = family?.keys, keys.blockKinds != nil else { return [] }
        func list(_ size: Int, _ has: (BlockParts) -> Bool) -> MetadataValue {
            .array(.int32, (0..<min(blockCount, 1 << 16)).map { .int32(has(parts(inBlock: $0)) ? Int32(clamping: size) : 0) })
        }
        var entries: [(key: String, value: MetadataValue)] = []
        if keys.rotaryChoice != nil { entries.append(("rope.scaling.finetuned", .bool(design.positions == .rotary))) }
        if keys.blockKinds?.isListedByRecurrence == true {
            let recurrent = (0..<min(blockCount, 1 << 16)).map { MetadataValue.bool(parts(inBlock: $0).mixer == .stateSpace) }
            return entries + [("attention.recurrent_layers", .array(.bool, recurrent))] + ggufStateSpaceSizes
        }
        guard let blockParts else { return entries }
        entries.append(("attention.head_count_kv", list(keyValueHeadCount) { $0.mixer == .attention }))
        if blockParts.contains(where: { !$0.hasMLP }) {
            entries.append(("feed_forward_length", list(intermediateSize, \.hasMLP)))
            // Of its head for further tokens, which llama.cpp asks every file of the architecture for.
            entries.append(("attention.layer_norm_epsilon", .float32(Float(normEpsilon))))
        }
        return entries + ggufStateSpaceSizes
    }
}
