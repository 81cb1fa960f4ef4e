import Glibc

/// How one budget of entries is split over layers: entry (i, j) of layer l is kept when e^{αₗ} · scoreᵢⱼ reaches one threshold
/// for all layers. The log weights α are all that is learned; the threshold is where the budget is met.
struct SharedAllocation {
    let layers: [LayerCandidate]
    /// Parameters that may be kept, low-rank parts included.
    let budget: Int

    /// Entries that are left when the low-rank parts are paid.
    var entryBudget: Int { max(budget - layers.reduce(0) { $0 + $1.lowRankCost }, 0) }

    /// Entries to keep in each layer: together exactly the entry budget, or all entries if it is larger.
    func counts(logWeights: [Double]) -> [Int] {
        let total = layers.reduce(0) { $0 + $1.parameterCount }
        let goal = min(entryBudget, total)
        func counts(at logThreshold: Double) -> [Int] {
            layers.indices.map { layers[$0].count(atLeast: Float(exp(logThreshold - logWeights[$0]))) }
        }
        var low = -200.0
        var high = 200.0
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if counts(at: middle).reduce(0, +) > goal { low = middle } else { high = middle }
        }
        var chosen = counts(at: high)
        // Ties and the last step of bisection leave a few: they go to the layers in turn.
        var rest = goal - chosen.reduce(0, +)
        var moved = true
        while rest > 0, moved {
            moved = false
            for index in layers.indices where rest > 0 && chosen[index] < layers[index].parameterCount {
                chosen[index] += 1
                rest -= 1
                moved = true
            }
        }
        return chosen
    }
}
