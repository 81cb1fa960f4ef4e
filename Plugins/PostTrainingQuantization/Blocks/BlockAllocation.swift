/// Chooses one of some choices for each of some units, so that their costs add up to little while their bytes stay within a budget.
///
/// Choices that lie on the lower convex hull of a unit's costs over its bytes are taken in the order of what a byte saves, over all units (the
/// Lagrangian of the budget); what room is left then goes to the single steps that save most and still fit.
struct BlockAllocation {
    struct Choice: Equatable {
        let bytes: Int
        let cost: Double
    }

    /// Of each unit its choices, in any order; none is empty.
    let units: [[Choice]]

    /// Bytes of the smallest choices.
    var leastByteCount: Int { units.reduce(0) { $0 + ($1.map(\.bytes).min() ?? 0) } }

    /// The position of the choice of each unit; nil where even the smallest are too large together.
    func choices(within budget: Int) -> [Int]? {
        guard leastByteCount <= budget else { return nil }
        var chosen = units.map(BlockAllocation.smallest)
        var bytes = leastByteCount
        for step in hullSteps where chosen[step.unit] == step.from {
            let more = units[step.unit][step.to].bytes - units[step.unit][step.from].bytes
            guard bytes + more <= budget else { continue }
            bytes += more
            chosen[step.unit] = step.to
        }
        while let step = bestStep(chosen, room: budget - bytes) {
            bytes += units[step.unit][step.to].bytes - units[step.unit][chosen[step.unit]].bytes
            chosen[step.unit] = step.to
        }
        return chosen
    }

    /// What choices cost together.
    func cost(_ chosen: [Int]) -> Double { zip(units, chosen).reduce(0) { $0 + $1.0[$1.1].cost } }

    func byteCount(_ chosen: [Int]) -> Int { zip(units, chosen).reduce(0) { $0 + $1.0[$1.1].bytes } }

    private static func smallest(_ choices: [Choice]) -> Int {
        choices.indices.min { (choices[$0].bytes, choices[$0].cost) < (choices[$1].bytes, choices[$1].cost) } ?? 0
    }

    private struct Step {
        let unit: Int
        let from: Int
        let to: Int
        /// Which of the unit's steps it is.
        let order: Int
        /// What a byte saves.
        let gain: Double
    }

    /// Steps along the hulls of all units, the best first; those of a unit stay in their order, for they gain less and less.
    private var hullSteps: [Step] {
        units.indices.flatMap { unit -> [Step] in
            var steps: [Step] = []
            var at = BlockAllocation.smallest(units[unit])
            while let next = BlockAllocation.steepest(units[unit], from: at) {
                steps.append(Step(unit: unit, from: at, to: next.to, order: steps.count, gain: next.gain))
                at = next.to
            }
            return steps
        }.sorted { ($1.gain, $0.unit, $0.order) < ($0.gain, $1.unit, $1.order) }
    }

    private static func steepest(_ choices: [Choice], from: Int) -> (to: Int, gain: Double)? {
        var best: (to: Int, gain: Double)?
        for to in choices.indices where choices[to].bytes > choices[from].bytes && choices[to].cost < choices[from].cost {
            let gain = (choices[from].cost - choices[to].cost) / Double(choices[to].bytes - choices[from].bytes)
            if best.map({ gain > $0.gain || gain == $0.gain && choices[to].bytes > choices[$0.to].bytes }) ?? true { best = (to, gain) }
        }
        return best
    }

    /// The step of a unit that saves most and fits.
    private func bestStep(_ chosen: [Int], room: Int) -> (unit: Int, to: Int)? {
        var best: (unit: Int, to: Int, saved: Double)?
        for unit in units.indices {
            let present = units[unit][chosen[unit]]
            for to in units[unit].indices where units[unit][to].bytes - present.bytes <= room {
                let saved = present.cost - units[unit][to].cost
                if saved > best?.saved ?? 0 { best = (unit, to, saved) }
            }
        }
        return best.map { ($0.unit, $0.to) }
    }
}
