/// Which tokens each expert is given, and what its outputs for them are multiplied by: rows, those of one expert after those of the one
/// before it, each expert's tokens in their order.
package struct Routing {
    /// The row that each expert begins with, and after all their number, [experts + 1].
    package let starts: [Int]
    /// The token of each row.
    package let tokens: [Int]
    /// The weight of each row.
    package let weights: [Float]

    /// - Parameter probabilities: the softmax of the router's scores, [tokens, experts].
    package init(_ probabilities: UnsafePointer<Float>, tokens count: Int, experts: Int, chosen: Int, renormalises: Bool) {
        var picks: [(expert: Int, weight: Float)] = []
        picks.reserveCapacity(count * chosen)
        var starts = [Int](repeating: 0, count: experts + 1)
        var isTaken = [Bool](repeating: false, count: experts)
        for token in 0..<count {
            let row = probabilities + token * experts
            let first = picks.count
            var sum: Float = 0
            for _ in 0..<chosen {
                let expert = Routing.largest(row, isTaken)
                isTaken[expert] = true
                picks.append((expert, row[expert]))
                sum += row[expert]
                starts[expert + 1] += 1
            }
            for slot in first..<picks.count {
                isTaken[picks[slot].expert] = false
                if renormalises { picks[slot].weight /= sum }
            }
        }
        for expert in 0..<experts { starts[expert + 1] += starts[expert] }
        var next = starts
        var (tokens, weights) = ([Int](repeating: 0, count: picks.count), [Float](repeating: 0, count: picks.count))
        for (slot, pick) in picks.enumerated() {
            let row = next[pick.expert]
            (tokens[row], weights[row]) = (slot / chosen, pick.weight)
            next[pick.expert] += 1
        }
        (self.starts, self.tokens, self.weights) = (starts, tokens, weights)
    }

    /// The rows of an expert.
    package func rows(of expert: Int) -> Range<Int> { starts[expert]..<starts[expert + 1] }

    /// The first of the largest among those that are not taken.
    private static func largest(_ row: UnsafePointer<Float>, _ isTaken: [Bool]) -> Int {
        var best = -1
        for expert in isTaken.indices where !isTaken[expert] {
            if best < 0 || row[expert] > row[best] { best = expert }
        }
        return best
    }
}
