import Execution
import LinearAlgebra
import PassKit

/// Stage 2 of CAP as published (arXiv 2505.03801, section 3.2): one Bernoulli variable a unit, learned by REINFORCE.
///
/// Each step draws masks m ~ Bernoulli(s), takes the calibration loss of the masked model on one batch, moves
/// s ← s − η·(loss − δ)·(m − s) / (s(1 − s) + ε) with δ the mean of the last few losses, and projects s on the budget.
/// A step costs one forward pass of a batch, one product U·Σ·V a matrix, and about 50 sweeps over all variables.
///
/// The paper leaves the start open. Here sᵢ starts as the unit's magnitude over the largest of its kind in its matrix, projected.
struct BernoulliPolicy {
    let pools: [CandidatePool]
    let budget: Int
    var rate: Double
    var passes: Int
    var batch: Int
    var window: Int
    private static let epsilon: Float = 1e-3

    /// Keep-probabilities: of the singular values and of the entries of each pool.
    struct Probabilities {
        var triplets: [[Float]]
        var entries: [[Float]]
    }

    struct Outcome {
        let initial: Probabilities
        let learned: Probabilities
        /// Loss of each step's batch.
        let losses: [Double]
    }

    func initial(_ execution: ExecutionContext) throws -> Probabilities {
        func scaled(_ magnitudes: [Float]) -> [Float] {
            let largest = magnitudes.max() ?? 0
            return largest > 0 ? magnitudes.map { $0 / largest } : magnitudes
        }
        let start = Probabilities(
            triplets: pools.map { scaled($0.lowRank.singularValues) }, entries: pools.map { scaled($0.values.map { abs($0) }) })
        return try projected(start, execution)
    }

    func learn(_ calibration: any CalibrationProvider, seed: UInt64, _ execution: ExecutionContext) throws -> Outcome {
        let initial = try self.initial(execution)
        var s = initial
        var losses: [Double] = []
        let batches = calibration.sequenceCount / batch + (calibration.sequenceCount % batch == 0 ? 0 : 1)
        execution.progress.begin("policy gradient", total: passes * batches, unit: "steps")
        defer { execution.progress.end() }
        for pass in 0..<passes {
            let order = CounterGenerator(seed: seed, stream: UInt64(1_000_000 + pass)).permutation(of: calibration.sequenceCount)
            for index in 0..<batches {
                try execution.cancellation.check()
                let step = losses.count
                let masks = try draw(s, seed: seed, step: step, execution)
                let sequences = Array(order[index * batch..<min((index + 1) * batch, order.count)])
                let perSequence = try calibration.losses(sequences: sequences, replacing: weights(masks))
                let loss = perSequence.reduce(0, +) / Double(perSequence.count)
                if !losses.isEmpty {
                    let recent = losses.suffix(window)
                    let baseline = recent.reduce(0, +) / Double(recent.count)
                    try move(&s, along: masks, by: Float(rate * (loss - baseline)), execution)
                    s = try projected(s, execution)
                }
                losses.append(loss)
                execution.progress.advance(by: 1, remark: "loss \(rounded(loss))")
            }
        }
        return Outcome(initial: initial, learned: s, losses: losses)
    }

    /// Masks drawn from the probabilities: draw i of unit stream (pool, kind, step) is a pure function of the seed.
    private func draw(_ s: Probabilities, seed: UInt64, step: Int, _ execution: ExecutionContext) throws -> UnitMasks {
        let drawn = try execution.parallelMap(pools.count) { pool in
            func sample(_ probabilities: [Float], _ kind: UInt64) -> [Bool] {
                let stream = (UInt64(step) << 32) | (UInt64(pool) << 1) | kind
                let generator = CounterGenerator(seed: seed, stream: stream)
                return probabilities.indices.map { generator.uniform(UInt64($0)) < probabilities[$0] }
            }
            return (sample(s.triplets[pool], 0), sample(s.entries[pool], 1))
        }
        return UnitMasks(triplets: drawn.map(\.0), entries: drawn.map(\.1))
    }

    func weights(_ masks: UnitMasks) -> ReplacedWeights {
        ReplacedWeights(pools.map(\.name)) { index in
            pools[index].matrix(keptTriplets: masks.triplets[index], keptEntries: masks.entries[index])
        }
    }

    private func move(_ s: inout Probabilities, along masks: UnitMasks, by scale: Float, _ execution: ExecutionContext) throws {
        func moved(_ s: [Float], _ mask: [Bool]) -> [Float] {
            s.indices.map { index in
                let p = s[index]
                return p - scale * ((mask[index] ? 1 : 0) - p) / (p * (1 - p) + BernoulliPolicy.epsilon)
            }
        }
        let old = s
        let new = try execution.uncheckedParallelMap(pools.count) { pool in
            (moved(old.triplets[pool], masks.triplets[pool]), moved(old.entries[pool], masks.entries[pool]))
        }
        s = Probabilities(triplets: new.map(\.0), entries: new.map(\.1))
    }

    private func projected(_ s: Probabilities, _ execution: ExecutionContext) throws -> Probabilities {
        var groups = pools.indices.map { BudgetProjection.Group(cost: Double(pools[$0].rankOneCost), values: s.triplets[$0]) }
        groups += s.entries.map { BudgetProjection.Group(cost: 1, values: $0) }
        try BudgetProjection(budget: Double(budget)).project(&groups, execution)
        return Probabilities(
            triplets: groups.prefix(pools.count).map(\.values), entries: groups.suffix(pools.count).map(\.values))
    }
}

/// Which units of each pool are in.
struct UnitMasks {
    var triplets: [[Bool]]
    var entries: [[Bool]]

    /// Which singular values of a pool are in.
    func keptTriplets(_ pool: Int) -> [Int] { triplets[pool].indices.filter { triplets[pool][$0] } }

    /// Parameters that the kept units cost.
    func cost(_ pools: [CandidatePool]) -> Int {
        pools.indices.reduce(0) { sum, index in
            sum + triplets[index].count { $0 } * pools[index].rankOneCost + entries[index].count { $0 }
        }
    }
}
