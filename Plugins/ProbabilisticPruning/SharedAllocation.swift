import CLibrary
import Execution

/// How one budget of entries is split over layers: entry (i, j) of layer l is kept when e^{αₗ} · scoreᵢⱼ reaches one threshold
/// for all layers. The log weights α are all that is learned; the threshold is where the budget is met.
struct SharedAllocation {
    let layers: [LayerCandidate]
    /// Parameters that may be kept, low-rank parts included.
    let budget: Int
    let execution: ExecutionContext

    /// Entries that are left when the low-rank parts are paid.
    var entryBudget: Int { max(budget - layers.reduce(0) { $0 + $1.lowRankCost }, 0) }

    /// The bits of the least score that a layer keeps.
    private func bits(_ logThreshold: Double, _ logWeight: Double) -> UInt32 {
        min(Float(exp(logThreshold - logWeight)), .infinity).bitPattern
    }

    /// Entries to keep in each layer: together exactly the entry budget, or all entries if it is larger.
    ///
    /// The histograms of the layers bracket the threshold; looks at the scores inside the bracket, mostly two, find it exactly.
    func choices(logWeights: [Double]) throws -> [LayerCandidate.Choice] {
        let goal = min(entryBudget, layers.reduce(0) { $0 + $1.parameterCount })
        func histogram(_ layer: Int, _ bits: UInt32) -> (most: Int, least: Int) { layers[layer].histogram.bounds(atLeast: bits) }
        var bracket = narrowed((-200, 200), logWeights, goal, histogram)
        var tables: [ScoreTable] = []
        while !(tables.first?.isExact ?? false) {
            let slots = tables.isEmpty ? 512 : 1024
            let (low, high) = bracket
            tables = try execution.uncheckedParallelMap(layers.count) { layer in
                let first = bits(low, logWeights[layer])
                return try ScoreTable(layers[layer], first...max(first, bits(high, logWeights[layer])), slots: slots)
            }
            let isExact = tables.allSatisfy(\.isExact)
            tables.indices.forEach { tables[$0].isExact = isExact }
            bracket = narrowed(bracket, logWeights, goal) { tables[$0].bounds(atLeast: $1) }
        }
        var counts = layers.indices.map { tables[$0].bounds(atLeast: bits(bracket.high, logWeights[$0])).most }
        // Ties and the last step of bisection leave a few: they go to the layers in turn.
        var rest = goal - counts.reduce(0, +)
        var moved = true
        while rest > 0, moved {
            moved = false
            for index in layers.indices where rest > 0 && counts[index] < layers[index].parameterCount {
                counts[index] += 1
                rest -= 1
                moved = true
            }
        }
        return try execution.uncheckedParallelMap(layers.count) { layer in
            let least = bits(bracket.high, logWeights[layer])
            guard tables[layer].bounds(atLeast: least).most < counts[layer] else {
                return LayerCandidate.Choice(count: counts[layer], threshold: Float(bitPattern: least), ties: .max)
            }
            return try layers[layer].choice(keeping: counts[layer])
        }
    }

    /// Halves an interval of log thresholds for as long as it is known on which side the budget is met: above `low` too much is kept, at `high`
    /// no more than it allows.
    private func narrowed(
        _ interval: (low: Double, high: Double), _ logWeights: [Double], _ goal: Int, _ bounds: (Int, UInt32) -> (most: Int, least: Int)
    ) -> (low: Double, high: Double) {
        /// The lowest log threshold found at which a count is no more than the budget allows, and the highest at which it is more.
        func search(_ count: ((most: Int, least: Int)) -> Int) -> (low: Double, high: Double) {
            var (low, high) = interval
            for _ in 0..<60 {
                let middle = (low + high) / 2
                let kept = layers.indices.reduce(0) { $0 + count(bounds($1, bits(middle, logWeights[$1]))) }
                if kept > goal { low = middle } else { high = middle }
            }
            return (low, high)
        }
        return (search(\.least).low, search(\.most).high)
    }
}

/// How many scores of a layer are at least so large, known at some bits of a range.
private struct ScoreTable {
    private let first: UInt32
    private let width: UInt32
    /// Scores from the beginning of each slot on.
    private let atLeast: [Int]
    /// Whether counts are known at every place of the range.
    var isExact: Bool

    init(_ layer: LayerCandidate, _ range: ClosedRange<UInt32>, slots: Int) throws {
        let length = UInt64(range.upperBound) - UInt64(range.lowerBound) + 1
        first = range.lowerBound
        width = UInt32((length + UInt64(slots) - 1) / UInt64(slots))
        isExact = width == 1
        var (above, atLeast) = (0, try layer.counts(from: first, width: width, slots: slots))
        for slot in (0...slots).reversed() {
            above += atLeast[slot]
            atLeast[slot] = above
        }
        self.atLeast = atLeast
    }

    func bounds(atLeast bits: UInt32) -> (most: Int, least: Int) {
        guard bits > first else { return (atLeast[0], atLeast[0]) }
        let slot = min(Int((bits - first) / width), atLeast.count - 1)
        if (bits - first) % width == 0 || slot == atLeast.count - 1 { return (atLeast[slot], atLeast[slot]) }
        return (atLeast[slot], atLeast[slot + 1])
    }
}
