import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of the pass: from candidates over an allocation to the values of what is kept.
struct PruningRun {
    let pass: ProbabilisticPruningPass
    let common: BudgetedPruning

    private var context: PassContext { common.context }
    private var calibration: CountedCalibration { common.calibration }
    private var tensors: [Tensor] { common.tensors }
    private var weights: [Matrix] { common.weights }
    private var allSequences: [Int] { common.allSequences }

    /// Units priced by the output error they save for a parameter, layers weighed by what an output error costs: not at all
    /// (mode=uniform), as measured (mode=scores), or from there learned by policy gradient (mode=learned).
    func run(_ report: inout PassReport) throws -> [PruningResult] {
        let layers = try candidates()
        let allocation = SharedAllocation(layers: layers, budget: common.parameterBudget)
        guard allocation.entryBudget > 0 else {
            throw PassError(.usage, pass: ProbabilisticPruningPass.name, "keep=\(pass.budget.keep) leaves no parameter to keep")
        }
        let (learning, heldBack) = split()
        let sensitivity = Sensitivity(allocation: allocation, density: pass.budget.keep)
        let uniform = sensitivity.uniformLogWeights
        let rises = try self.rises(sensitivity, sequences: Array(learning.prefix(2 * pass.batch)))
        let measured = rises.map(sensitivity.logWeights) ?? uniform
        guard pass.objective == .loss else { return try solve(layers, allocation.counts(logWeights: measured), rises) }
        func lossesOf(_ logWeights: [Double], _ sequences: [Int]) throws -> [Double] {
            let weights = try allocation.weights(allocation.counts(logWeights: logWeights), context.execution)
            return try calibration.losses(sequences: sequences, replacing: weights)
        }
        func lossOf(_ logWeights: [Double], _ sequences: [Int]) throws -> Double {
            let losses = try lossesOf(logWeights, sequences)
            return losses.reduce(0, +) / Double(losses.count)
        }
        report.measure("loss.dense", try common.loss([:]))
        report.measure("loss.magnitude", try common.magnitudeLoss())
        report.measure("loss.uniform", try lossOf(uniform, allSequences))
        if rises != nil { report.measure("loss.scores", try lossOf(measured, allSequences)) }
        var chosen = measured
        if pass.mode == .learned, pass.steps > 0 {
            let policy = LayerPolicy(
                allocation: allocation, steps: pass.steps, batch: pass.batch, rate: pass.rate, sigma: pass.sigma)
            let outcome = try policy.learn(
                from: measured, calibration, sequences: learning, seed: context.seed, context.execution)
            report.curves.append(Curve(name: "loss of each step", values: outcome.losses))
            report.measure("loss.learned", try lossOf(outcome.logWeights, allSequences))
            let before = try lossesOf(measured, heldBack)
            let after = try lossesOf(outcome.logWeights, heldBack)
            report.measure("heldBack.scores", before.reduce(0, +) / Double(before.count))
            report.measure("heldBack.learned", after.reduce(0, +) / Double(after.count))
            let gain = PairedGain(before: before, after: after)
            gain.measure("gain.policyGradient", in: &report)
            if gain.mean >= 0 {
                chosen = outcome.logWeights
            } else {
                report.notes.append("what was learned is worse than the scores alone on the held-back sequences and was not used")
            }
        }
        return try solve(layers, allocation.counts(logWeights: chosen), rises)
    }

    /// What pruning each layer alone costs, in loss or in the error of its block's outputs; nil where nothing is measured.
    private func rises(_ sensitivity: Sensitivity, sequences: [Int]) throws -> [Double]? {
        if pass.mode == .uniform { return nil }
        if pass.objective == .loss { return try sensitivity.lossRises(calibration, sequences: sequences, context.execution) }
        guard let gradients = calibration.gradients else {
            throw PassError(
                .unsupported, pass: ProbabilisticPruningPass.name,
                "the blocks of this model cannot be run by themselves; use objective=loss")
        }
        return try sensitivity.blockErrorRises(gradients, sequences: sequences, context.execution)
    }

    /// A quarter of the sequences, evenly spaced, is held back from learning when there are enough.
    private func split() -> (learning: [Int], heldBack: [Int]) {
        let heldBack = allSequences.filter { $0 % 4 == 3 }
        guard heldBack.count >= 2 else { return (allSequences, allSequences) }
        return (allSequences.filter { $0 % 4 != 3 }, heldBack)
    }

    /// The layers with the rank that pays and priced entries.
    private func candidates() throws -> [LayerCandidate] {
        var layers = [LayerCandidate?](repeating: nil, count: tensors.count)
        context.execution.progress.begin("pricing", total: tensors.count, unit: "layers")
        defer { context.execution.progress.end() }
        try layers.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            try common.forEachSecondMoment { index, h in
                let share = pass.budget.parameters(of: weights[index].elements.count)
                let rank = RankChoice(budget: share)
                let choice = try rank.choose(
                    weights[index], candidates: try rightSingularVectors(of: tensors[index]), secondMoment: h,
                    context.execution)
                slots[index] = LayerCandidate(
                    name: tensors[index].name, block: context.original.structure.block(of: tensors[index].name), weight: weights[index],
                    inputPower: (0..<h.rows).map { h[$0, $0] }, lowRank: choice.terms, rankGain: choice.gain)
                context.execution.progress.advance(by: 1, remark: tensors[index].name)
            }
        }
        return layers.compactMap { $0 }
    }

    /// The right singular vectors of the tensor's low-rank term, [k, n]; none when nothing decomposed it.
    private func rightSingularVectors(of tensor: Tensor) throws -> Matrix {
        for term in tensor.payload.terms {
            if case .lowRank(let factors) = term { return try factors.triplets().vTransposed }
        }
        return Matrix(zeros: 0, tensor.shape.columns)
    }

    /// The values of the chosen ranks and counts.
    private func solve(_ layers: [LayerCandidate], _ counts: [Int], _ rises: [Double]?) throws -> [PruningResult] {
        var results = try context.execution.uncheckedParallelMap(layers.count) { index -> PruningResult in
            let layer = layers[index]
            let threshold = layer.threshold(keeping: counts[index])
            var sparse = layer.residual
            var left = counts[index]
            // Ties at the threshold are kept in order until the count is reached.
            for position in layer.scores.indices {
                if layer.scores[position] < threshold || left == 0 { sparse.elements[position] = 0 } else { left -= 1 }
            }
            return try PruningResult(
                name: layer.name, layer.lowRank, sparse: sparse, sensitivity: rises?[index], rankGain: layer.rankGain)
        }
        // Against the weights alone the largest entries with the values they have are the solution.
        guard pass.solves else { return results }
        context.execution.progress.begin("refit", total: layers.count, unit: "layers")
        defer { context.execution.progress.end() }
        let positions = Dictionary(uniqueKeysWithValues: layers.enumerated().map { ($1.name, $0) })
        try calibration.forEachBlock { inputs in
            let work = inputs.flatMap { input in input.group.members.compactMap { positions[$0] }.map { (index: $0, h: input.secondMoment) }
            }
            .sorted { ($1.h.rows, $0.index) < ($0.h.rows, $1.index) }
            let solved = try context.execution.uncheckedParallelMap(work.count) { slot in
                let (index, h) = work[slot]
                let solution = try LayerSolver(secondMoment: h, context.execution).solve(
                    weights[index], lowRank: layers[index].lowRank, entries: counts[index], context.execution)
                context.execution.progress.advance(by: 1, remark: layers[index].name)
                return PruningResult(
                    name: layers[index].name, lowRank: solution.lowRank, sparse: solution.sparse, sensitivity: rises?[index],
                    rankGain: layers[index].rankGain)
            }
            for (entry, result) in zip(work, solved) { results[entry.index] = result }
            return pass.isSequential ? Dictionary(uniqueKeysWithValues: solved.map { ($0.name, $0.matrix) }) : [:]
        }
        return results
    }
}
