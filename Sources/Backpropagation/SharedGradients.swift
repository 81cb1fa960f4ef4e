import LinearAlgebra

/// Gradients of weights on the way back through blocks, of which several in a row may share theirs: what they say of it comes together.
struct SharedGradients {
    private var sums: [String: Matrix] = [:]

    /// Gives the gradients of a block's weights, or waits for the first of those that share them.
    ///
    /// - Parameter blocks: those that share their weights with this one, itself among them.
    mutating func add(
        _ found: WeightGradientSums, of block: Int, in blocks: Range<Int>, _ gradient: (String, Matrix) throws -> Void
    ) throws {
        guard blocks.count > 1 else { return try found.forEach(gradient) }
        try found.forEach { name, part in
            guard var sum = sums.removeValue(forKey: name) else { return sums[name] = part }
            for i in sum.elements.indices { sum.elements[i] += part.elements[i] }
            sums[name] = sum
        }
        guard block == blocks.lowerBound else { return }
        for name in sums.keys.sorted() { if let sum = sums.removeValue(forKey: name) { try gradient(name, sum) } }
    }
}
