/// What the architecture says about how the tensors stand to each other.
public struct GraphStructure: Sendable {
    /// The family, such as "llama"; nil when unknown.
    public var architecture: String?
    /// Linear layers that read the same input, in the order in which they run. Many are set at once, not one after the other.
    public var inputGroups: [InputGroup] = [] {
        didSet {
            blocks = Dictionary(inputGroups.flatMap { group in group.members.map { ($0, group.block) } }) { first, _ in first }
        }
    }
    private var blocks: [String: Int] = [:]

    public init() {}

    /// Blocks with linear layers.
    public var blockCount: Int { (inputGroups.map(\.block).max() ?? -1) + 1 }

    /// The block of a linear layer, counted from 0; nil outside blocks.
    public func block(of name: String) -> Int? { blocks[name] }
}

/// Linear layers of one block that are applied to the same activations, such as q, k and v.
public struct InputGroup: Sendable {
    /// "attention-input", "attention-output", "mlp-input", "mlp-output".
    public let name: String
    public let block: Int
    /// Tensor names of the weights, each [out, in] with the same in.
    public let members: [String]

    public init(name: String, block: Int, members: [String]) {
        self.name = name
        self.block = block
        self.members = members
    }
}
