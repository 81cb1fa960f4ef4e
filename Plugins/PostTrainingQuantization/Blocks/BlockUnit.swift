import ModelGraph

/// Matrices that have one type, by their positions in a list of tensors.
struct BlockUnit {
    private(set) var members: [Int]
    /// The codecs whose blocks all members have rows of.
    private(set) var codecs: [BlockCodec] = []
    /// Bytes and costs with each of the codecs.
    private(set) var choices: [BlockAllocation.Choice] = []

    /// Each matrix by itself, but the experts of a block with each other, for a file keeps them in one tensor.
    static func units(_ tensors: [Tensor], _ structure: GraphStructure) -> [BlockUnit] {
        var places: [String: String] = [:]
        for group in structure.inputGroups {
            // Groups of experts are numbered.
            let digits = group.name.reversed().prefix { $0.isNumber }.count
            guard digits > 0, digits < group.name.count else { continue }
            for (position, member) in group.members.enumerated() {
                places[member] = "\(group.block) \(group.name.dropLast(digits)) \(position)"
            }
        }
        var (units, positions) = ([BlockUnit](), [String: Int]())
        for (index, tensor) in tensors.enumerated() {
            if let place = places[tensor.name], let unit = positions[place] {
                units[unit].members.append(index)
            } else {
                if let place = places[tensor.name] { positions[place] = units.count }
                units.append(BlockUnit(members: [index]))
            }
        }
        return units
    }

    private init(members: [Int]) { self.members = members }

    /// - Parameters:
    ///   - costs: of each tensor, what each codec costs.
    ///   - isCandidate: whether a tensor may have a codec.
    mutating func setChoices(
        _ all: [BlockCodec], _ tensors: [Tensor], _ costs: [[Double]], _ isCandidate: (Tensor, BlockCodec) -> Bool
    ) {
        for (position, codec) in all.enumerated() {
            let bytes = members.compactMap { codec.byteCount(tensors[$0].shape) }
            guard bytes.count == members.count, members.allSatisfy({ isCandidate(tensors[$0], codec) }) else { continue }
            codecs.append(codec)
            choices.append(BlockAllocation.Choice(bytes: bytes.reduce(0, +), cost: members.reduce(0.0) { $0 + costs[$1][position] }))
        }
    }
}
