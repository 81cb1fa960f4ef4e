/// The order in which terms are summed: a binary tree over 0 ..< n that the number of terms alone decides, so that a sum of floats has the same
/// bits whoever computes which part of it.
///
/// A node over several terms is split where its left part is the largest power of two below their number.
public struct SumTree {
    /// A step of a sum whose parts lie in slots.
    public enum Step: Equatable, Sendable {
        /// The term goes into the slot.
        case term(Int, slot: Int)
        /// The slot after this one is added to it.
        case add(slot: Int)
    }

    /// Where a node over at least two terms is split.
    static func split(_ node: Range<Int>) -> Int {
        let half = (node.count - 1) / 2 + 1
        var left = 1
        while left < half { left *= 2 }
        return node.lowerBound + left
    }

    /// The largest nodes of the tree over 0 ..< n that lie in a range, in order.
    static func nodes(of n: Int, in range: Range<Int>) -> [Range<Int>] {
        func found(_ node: Range<Int>) -> [Range<Int>] {
            if node.isEmpty || !node.overlaps(range) { return [] }
            if node.lowerBound >= range.lowerBound, node.upperBound <= range.upperBound { return [node] }
            let middle = split(node)
            return found(node.lowerBound..<middle) + found(middle..<node.upperBound)
        }
        return found(0..<n)
    }

    /// The steps that sum each of some nodes in a row, the sum of node i in slot i, terms in order.
    static func steps(_ nodes: [Range<Int>]) -> [Step] {
        var steps: [Step] = []
        func sum(_ node: Range<Int>, _ slot: Int) {
            guard node.count > 1 else { return steps.append(.term(node.lowerBound, slot: slot)) }
            let middle = split(node)
            sum(node.lowerBound..<middle, slot)
            sum(middle..<node.upperBound, slot + 1)
            steps.append(.add(slot: slot))
        }
        for (slot, node) in nodes.enumerated() { sum(node, slot) }
        return steps
    }
}
