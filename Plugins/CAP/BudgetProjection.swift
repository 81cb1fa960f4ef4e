import Execution

/// Euclidean projection on the budget: the nearest s' to s with 0 ≤ s' ≤ 1 and Σ cᵢ·s'ᵢ ≤ K (CAP, arXiv 2505.03801, section 3.2).
///
/// The solution is s'ᵢ = clip(sᵢ − ν·cᵢ, 0, 1) for the least ν ≥ 0 that meets the budget; the cost falls with ν, so bisection
/// finds it. Sums are taken group by group and added in order, so that they do not depend on the number of threads.
struct BudgetProjection {
    /// Σ cᵢ·sᵢ may be at most this.
    let budget: Double

    /// Variables of one cost.
    struct Group {
        let cost: Double
        var values: [Float]
    }

    func project(_ groups: inout [Group], _ execution: ExecutionContext) throws {
        var shift = 0.0
        if try cost(of: groups, shift: 0, execution) > budget {
            var low = 0.0
            var high = 1.0 / (groups.map(\.cost).min() ?? 1)
            // There every variable that is no more than 1 has become 0; a step of the policy may leave larger ones.
            while try cost(of: groups, shift: high, execution) > budget { (low, high) = (high, 2 * high) }
            for _ in 0..<50 where high - low > 1e-12 * high {
                let middle = (low + high) / 2
                if try cost(of: groups, shift: middle, execution) > budget { low = middle } else { high = middle }
            }
            shift = high
        }
        try groups.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try execution.uncheckedParallelFor(slots.count) {
                BudgetProjection.clip(&slots[$0].values, shift: Float(shift * slots[$0].cost))
            }
        }
    }

    /// Σ cᵢ · clip(sᵢ − ν·cᵢ, 0, 1).
    private func cost(of groups: [Group], shift: Double, _ execution: ExecutionContext) throws -> Double {
        try execution.parallelMap(groups.count) { index in
            let group = groups[index]
            let offset = Float(shift * group.cost)
            var kept = 0.0
            group.values.withUnsafeBufferPointer { values in
                // In float lanes of a thousand: exact enough for bisection, and fast.
                var start = 0
                while start < values.count {
                    let end = min(start + 1024, values.count)
                    var partial: Float = 0
                    for index in start..<end { partial += min(max(values[index] - offset, 0), 1) }
                    kept += Double(partial)
                    start = end
                }
            }
            return group.cost * kept
        }.reduce(0, +)
    }

    private static func clip(_ values: inout [Float], shift: Float) {
        values.withUnsafeMutableBufferPointer { values in
            for index in values.indices { values[index] = min(max(values[index] - shift, 0), 1) }
        }
    }
}
