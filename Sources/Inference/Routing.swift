import Architectures

/// Which tokens each expert is given, and what its outputs for them are multiplied by: rows, those of one expert after those of the one
/// before it, each expert's tokens in their order.
package struct Routing {
    /// The row that each expert begins with, and after all their number, [experts + 1].
    package let starts: [Int]
    /// The token of each row.
    package let tokens: [Int]
    /// The weight of each row.
    package let weights: [Float]

    /// - Parameters:
    ///   - scores: what comes of the router's scores, [tokens, experts].
    ///   - correction: what is added to these where experts are chosen, [experts]; empty for nothing.
    package init(_ scores: UnsafePointer<Float>, tokens count: Int, _ experts: RoutedExperts, correction: [Float] = []) {
        var picks: [(expert: Int, weight: Float)] = []
        picks.reserveCapacity(count * experts.chosen)
        var starts = [Int](repeating: 0, count: experts.count + 1)
        var choice = [Float](repeating: 0, count: experts.count)
        var isTaken = [Bool](repeating: false, count: experts.count)
        for token in 0..<count {
            let row = scores + token * experts.count
            for expert in choice.indices { choice[expert] = row[expert] + (correction.isEmpty ? 0 : correction[expert]) }
            Routing.takeOtherGroups(choice, experts, &isTaken)
            let first = picks.count
            var sum: Float = 0
            for _ in 0..<experts.chosen {
                let expert = Routing.largest(choice, isTaken)
                isTaken[expert] = true
                picks.append((expert, row[expert]))
                sum += row[expert]
                starts[expert + 1] += 1
            }
            for slot in first..<picks.count {
                if experts.renormalises { picks[slot].weight /= sum }
                picks[slot].weight *= Float(experts.scale)
            }
            for expert in isTaken.indices { isTaken[expert] = false }
        }
        for expert in 0..<experts.count { starts[expert + 1] += starts[expert] }
        var next = starts
        var (tokens, weights) = ([Int](repeating: 0, count: picks.count), [Float](repeating: 0, count: picks.count))
        for (slot, pick) in picks.enumerated() {
            let row = next[pick.expert]
            (tokens[row], weights[row]) = (slot / experts.chosen, pick.weight)
            next[pick.expert] += 1
        }
        (self.starts, self.tokens, self.weights) = (starts, tokens, weights)
    }

    /// The rows of an expert.
    package func rows(of expert: Int) -> Range<Int> { starts[expert]..<starts[expert + 1] }

    /// Takes the experts of all groups but the best, by the sum of the largest in each.
    private static func takeOtherGroups(_ choice: [Float], _ experts: RoutedExperts, _ isTaken: inout [Bool]) {
        guard experts.groups > experts.chosenGroups else { return }
        let size = experts.count / experts.groups
        let sums = (0..<experts.groups).map { group -> Float in
            choice[group * size..<(group + 1) * size].sorted(by: >).prefix(experts.bestOfGroup).reduce(0, +)
        }
        var isChosen = [Bool](repeating: false, count: experts.groups)
        for _ in 0..<experts.chosenGroups { isChosen[largest(sums, isChosen)] = true }
        for expert in isTaken.indices { isTaken[expert] = !isChosen[expert / size] }
    }

    /// The first of the largest among those that are not taken.
    private static func largest(_ row: [Float], _ isTaken: [Bool]) -> Int {
        var best = -1
        for expert in isTaken.indices where !isTaken[expert] {
            if best < 0 || row[expert] > row[best] { best = expert }
        }
        return best
    }
}
