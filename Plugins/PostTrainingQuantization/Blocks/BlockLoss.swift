import CLibrary
import ModelGraph
import PassKit

/// Types for an increase of the mean loss on text that prices were not measured on, where there is any.
struct BlockLoss {
    let increase: Double
    let loss: HeldBackLoss
    let context: PassContext

    /// Rounds of the search at most: a loss on text is noise beyond some digit.
    private static let rounds = 8
    private static let slack = 0.05

    /// The choices of fewest bytes whose loss is measured to rise by no more.
    ///
    /// - Parameter stage: the search, for what an interrupted run has kept of it.
    /// - Throws: `PassError` where even the largest types raise it by more.
    func choices(
        _ allocation: BlockAllocation, stage: String, _ graph: ([Int]) throws -> TensorGraph
    ) throws -> (chosen: [Int], increase: Double) {
        let most = allocation.units.reduce(0) { $0 + ($1.map(\.bytes).max() ?? 0) }
        var best: (chosen: [Int], increase: Double)?
        // Budgets as bytes; the loss falls as they grow.
        var (low, high) = (allocation.leastByteCount, most)
        var budget = start(allocation, low, high)
        for round in 0..<Self.rounds where low <= high {
            guard let chosen = allocation.choices(within: budget) else { break }
            let found = try measured(stage, round, budget) { try loss.increase(graph(chosen)) }
            let bytes = allocation.byteCount(chosen)
            if found <= increase {
                if best.map({ bytes < allocation.byteCount($0.chosen) }) ?? true { best = (chosen, found) }
                if found >= increase * (1 - Self.slack) { break }
                high = min(high, bytes - 1)
            } else {
                low = max(low, budget + 1)
            }
            // Errors cost about four times less for each bit more.
            let bits = 0.5 * min(max(log2(found / increase), -4), 4) / 8 * valueShare(allocation)
            budget = min(max(Int(Double(bytes) + bits), low), high)
            if budget == bytes { budget = found <= increase ? low + (high - low) / 2 : high }
        }
        guard let best else {
            throw PassError(
                .usage, pass: QuantizePass.name, "no types raise the loss by increase=\(increase) or less", remedy: .packLosslessly)
        }
        return best
    }

    /// What a round comes to; an interrupted run's is taken as it was.
    private func measured(_ stage: String, _ round: Int, _ budget: Int, _ increase: () throws -> Double) throws -> Double {
        let found = try context.recording(stage, "round \(round)") {
            var found = PassSnapshot()
            found.numbers = ["budget": [Double(budget)], "increase": [try increase()]]
            return found
        }
        guard found.numbers["budget"] == [Double(budget)], let increase = found.numbers["increase"]?.first else {
            throw PassError(.unsupported, pass: QuantizePass.name, "what an interrupted run has kept does not fit this model")
        }
        return increase
    }

    /// Values of all units, about: a byte of the largest type holds one.
    private func valueShare(_ allocation: BlockAllocation) -> Double {
        Double(allocation.units.reduce(0) { $0 + ($1.map(\.bytes).max() ?? 0) })
    }

    /// The budget whose predicted cost is nearest to the increase.
    private func start(_ allocation: BlockAllocation, _ low: Int, _ high: Int) -> Int {
        var (low, high) = (low, high)
        for _ in 0..<24 where low < high {
            let middle = low + (high - low) / 2
            let cost = allocation.choices(within: middle).map(allocation.cost) ?? .infinity
            if cost > increase { low = middle + 1 } else { high = middle }
        }
        return high
    }
}
