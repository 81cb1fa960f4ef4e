import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of stage 2 as published: Bernoulli variables, REINFORCE, projection, final choice by s.
struct CAPRun {
    let pass: CAPPass
    let common: BudgetedPruning

    private var context: PassContext { common.context }

    func run(_ report: inout PassReport) throws -> [(Payload, TensorReport)] {
        let (budget, sequences) = (common.parameterBudget, common.allSequences)
        let pools = try common.tensors.map { try CandidatePool($0, pass: CAPPass.name) }
        let policy = BernoulliPolicy(
            pools: pools, budget: budget, rate: pass.rate, passes: pass.passes, batch: pass.batch, window: pass.window)
        let outcome = try policy.learn(common.calibration, seed: context.seed, context.execution)
        let choice = UnitSelection(pools: pools, budget: budget)
        let initial = choice.select(outcome.initial)
        let learned = choice.select(outcome.learned)
        report.measure("loss.dense", try common.loss([:]))
        report.measure("loss.magnitude", try common.magnitudeLoss())
        let before = try common.calibration.losses(sequences: sequences, replacing: policy.weights(initial))
        let after = try common.calibration.losses(sequences: sequences, replacing: policy.weights(learned))
        report.measure("loss.scores", before.reduce(0, +) / Double(before.count))
        report.measure("loss.published", after.reduce(0, +) / Double(after.count))
        PairedGain(before: before, after: after).measure("gain.policyGradient", in: &report)
        report.measure("pool.parameters", Double(pools.reduce(0) { $0 + $1.values.count + $1.lowRank.rank * $1.rankOneCost }))
        let changed = zip(initial.entries, learned.entries).reduce(0) { sum, pair in sum + zip(pair.0, pair.1).count { $0 != $1 } }
        report.measure("entries.changedByLearning", Double(changed))
        report.curves.append(Curve(name: "loss of each step", values: outcome.losses))
        let results = try results(pools, learned)
        if pass.refit != .none { report.notes.append("refit=\(pass.refit.rawValue): values of S were computed again after the choice") }
        return results
    }

    /// The chosen units as they are, or with S computed again.
    private func results(_ pools: [CandidatePool], _ masks: UnitMasks) throws -> [(Payload, TensorReport)] {
        if pass.refit == .solve { return try solved(pools, masks) }
        let owners = context.owners(common.tensors, isKnown: context.isFinished) { Double($0.shape.elementCount) }
        let own = context.own(owners)
        var results = [(Payload, TensorReport)?](repeating: nil, count: pools.count)
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try context.execution.uncheckedParallelFor(own.count) { place in
                let index = own[place]
                slots[index] = try common.finish(index, pass.dtype, isShared: true) { try result(index, pools[index], masks) }
            }
            try common.exchange(owners, in: slots)
        }
        return results.compactMap { $0 }
    }

    private func result(_ index: Int, _ pool: CandidatePool, _ masks: UnitMasks) throws -> PruningResult {
        var values = pool.values
        for position in values.indices where !masks.entries[index][position] { values[position] = 0 }
        let chosen = try PruningResult(name: pool.name, pool.triplets(masks.keptTriplets(index)), sparse: pool.expand(values))
        guard pass.refit == .values else { return chosen }
        let weight = try common.weight(index)
        let rest = chosen.lowRank.map { weight - $0.u.times($0.v) } ?? weight
        var sparse = chosen.sparse
        for position in sparse.elements.indices where sparse.elements[position] != 0 {
            sparse.elements[position] = rest.elements[position]
        }
        return PruningResult(name: pool.name, lowRank: chosen.lowRank, sparse: sparse)
    }

    /// As many units as were chosen, support and values anew against the layers' inputs.
    private func solved(_ pools: [CandidatePool], _ masks: UnitMasks) throws -> [(Payload, TensorReport)] {
        var results = [(Payload, TensorReport)?](repeating: nil, count: pools.count)
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try common.forEachSecondMoment { owners in
                try common.exchange(owners, in: slots)
            } _: { index, h in
                slots[index] = try common.finish(index, pass.dtype, isShared: true) {
                    let solution = try LayerSolver(secondMoment: h, context.execution).solve(
                        common.weight(index), lowRank: pools[index].triplets(masks.keptTriplets(index)),
                        entries: masks.entries[index].count { $0 }, context.execution)
                    return PruningResult(name: pools[index].name, lowRank: solution.lowRank, sparse: solution.sparse)
                }
            }
        }
        return results.compactMap { $0 }
    }
}
