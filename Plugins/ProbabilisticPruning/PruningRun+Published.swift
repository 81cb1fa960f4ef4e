import LinearAlgebra
import ModelGraph
import PassKit

extension PruningRun {
    /// CAP's stage 2 as published: Bernoulli variables, REINFORCE, projection, final choice by s.
    func published(_ report: inout PassReport) throws -> [PruningResult] {
        let name = ProbabilisticPruningPass.name
        let pools = try tensors.map { try CandidatePool($0, pass: name) }
        let policy = BernoulliPolicy(
            pools: pools, budget: budget, rate: pass.rate, passes: pass.passes, batch: pass.batch, window: pass.window)
        let outcome = try policy.learn(calibration, seed: context.seed, context.execution)
        let choice = UnitSelection(pools: pools, budget: budget)
        let initial = choice.select(outcome.initial)
        let learned = choice.select(outcome.learned)
        report.measure("loss.dense", try loss([:]))
        report.measure("loss.magnitude", try magnitudeLoss())
        let before = try calibration.losses(sequences: allSequences, replacing: try policy.weights(initial, context.execution))
        let after = try calibration.losses(sequences: allSequences, replacing: try policy.weights(learned, context.execution))
        report.measure("loss.scores", before.reduce(0, +) / Double(before.count))
        report.measure("loss.published", after.reduce(0, +) / Double(after.count))
        PairedGain(before: before, after: after).measure("gain.policyGradient", in: &report)
        report.measure("pool.parameters", Double(pools.reduce(0) { $0 + $1.values.count + $1.lowRank.rank * $1.rankOneCost }))
        let changed = zip(initial.entries, learned.entries).reduce(0) { sum, pair in sum + zip(pair.0, pair.1).count { $0 != $1 } }
        report.measure("entries.changedByLearning", Double(changed))
        report.curves.append(Curve(name: "loss of each step", values: outcome.losses))
        let refitted = try refit(pools, learned)
        if pass.refit != "none" { report.notes.append("refit=\(pass.refit): values of S were computed again after the choice") }
        return refitted
    }

    /// The chosen units as they are, or with S computed again.
    private func refit(_ pools: [CandidatePool], _ masks: UnitMasks) throws -> [PruningResult] {
        var results = try context.execution.parallelMap(pools.count) { index -> PruningResult in
            let pool = pools[index]
            let kept = masks.triplets[index].indices.filter { masks.triplets[index][$0] }
            let triplets = pool.triplets(kept)
            let factors = try kept.isEmpty ? nil : LowRankTensor(triplets, dtype: .f32)
            let lowRank = try factors.map { (u: try $0.u.densifiedMatrix(), v: try $0.v.densifiedMatrix()) }
            var values = pool.values
            for position in values.indices where !masks.entries[index][position] { values[position] = 0 }
            var sparse = pool.expand(values)
            if pass.refit == "values" {
                let rest = lowRank.map { weights[index] - $0.u.times($0.v) } ?? weights[index]
                for position in sparse.elements.indices where sparse.elements[position] != 0 {
                    sparse.elements[position] = rest.elements[position]
                }
            }
            return PruningResult(name: pool.name, lowRank: lowRank, sparse: sparse)
        }
        guard pass.refit == "solve" else { return results }
        let chosen = results
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try forEachSecondMoment { index, h in
                let kept = masks.triplets[index].indices.filter { masks.triplets[index][$0] }
                let entries = masks.entries[index].count { $0 }
                let solution = try LayerSolver(secondMoment: h).solve(
                    weights[index], lowRank: pools[index].triplets(kept), entries: entries, context.execution.cancellation)
                slots[index] = PruningResult(name: chosen[index].name, lowRank: solution.lowRank, sparse: solution.sparse)
            }
        }
        return results
    }
}
