import PassKit

/// The blocks that are refitted so far, and their tensors among all.
struct RefitBlocks {
    private(set) var tensors: [RefitTensor]
    private(set) var blocks: [Int] = []
    /// The held-back error of each, and what it came to.
    private(set) var before: [Double] = []
    private(set) var after: [Double] = []

    init(_ tensors: [RefitTensor]) { self.tensors = tensors }

    /// - Parameter members: where the block's tensors are among all.
    mutating func add(_ outcome: GradientRefit.Outcome, block: Int, _ members: [Int]) {
        for (slot, index) in members.enumerated() { tensors[index] = outcome.tensors[slot] }
        blocks.append(block)
        before.append(outcome.heldBack[0])
        after.append(outcome.heldBack.min() ?? 0)
    }

    private enum Numbers {
        static let blocks = "blocks"
        static let before = "held-back errors before"
        static let after = "held-back errors after"
    }

    var snapshot: PassSnapshot {
        var snapshot = PassSnapshot()
        snapshot.numbers = [Numbers.blocks: blocks.map(Double.init), Numbers.before: before, Numbers.after: after]
        for tensor in tensors { snapshot.add(tensor.parts, "values", tensor.name) }
        return snapshot
    }

    /// What `snapshot` was made of.
    ///
    /// - Parameter start: what the refit began with.
    /// - Throws: `PassError` for a snapshot of something else.
    init(_ snapshot: PassSnapshot, _ start: [RefitTensor]) throws {
        tensors = start
        (before, after) = (snapshot.numbers[Numbers.before] ?? [], snapshot.numbers[Numbers.after] ?? [])
        blocks = snapshot.numbers[Numbers.blocks]?.compactMap { Int(exactly: $0) } ?? []
        guard !blocks.isEmpty, before.count == blocks.count, after.count == blocks.count else { throw PassSnapshot.foreign }
        for index in start.indices {
            tensors[index].set(try snapshot.parts(like: start[index].parts, "values", start[index].name))
        }
    }
}
