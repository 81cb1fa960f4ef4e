import Execution
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
    private var allSequences: [Int] { common.allSequences }

    /// Units priced by the output error they save for a parameter, layers weighed by what an output error costs: not at all
    /// (mode=uniform), as measured (mode=scores), or from there learned by policy gradient (mode=learned).
    func run(_ report: inout PassReport) throws -> [(Payload, TensorReport)] {
        let prices = try outputPrices(&report)
        let layers = try candidates(prices)
        let allocation = SharedAllocation(layers: layers, budget: common.parameterBudget, execution: context.execution)
        guard allocation.entryBudget > 0 else {
            throw PassError(.usage, pass: ProbabilisticPruningPass.name, "keep=\(pass.budget.keep) leaves no parameter to keep")
        }
        let (learning, heldBack) = split()
        let sensitivity = Sensitivity(allocation: allocation, density: pass.budget.keep)
        let uniform = try sensitivity.uniformLogWeights()
        let rises = try self.rises(sensitivity, sequences: sequencesToMeasure(learning), prices)
        let measured = rises.map { sensitivity.logWeights(rises: $0, uniform: uniform) } ?? uniform
        guard pass.objective == .loss else { return try solve(layers, allocation.choices(logWeights: measured), rises, prices) }
        func lossesOf(_ logWeights: [Double], _ sequences: [Int]) throws -> [Double] {
            let weights = allocation.weights(try allocation.choices(logWeights: logWeights))
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
        return try solve(layers, allocation.choices(logWeights: chosen), rises, prices)
    }

    /// What pruning each layer alone costs, in loss or in the error of its block's outputs; nil where nothing is measured.
    private func rises(_ sensitivity: Sensitivity, sequences: [Int], _ prices: OutputPrices) throws -> [Double]? {
        if pass.mode == .uniform { return nil }
        if pass.objective == .loss { return try sensitivity.lossRises(calibration, sequences: sequences, context.execution) }
        guard let gradients = calibration.gradients else {
            throw PassError(
                .unsupported, pass: ProbabilisticPruningPass.name,
                "the blocks of this model cannot be run by themselves; use objective=loss")
        }
        return try sensitivity.blockErrorRises(gradients, prices: prices.blocks, sequences: sequences, context)
    }

    /// Those that sensitivities are measured on: two batches; of block outputs no more than an eighth of the set, so that the measurements of all
    /// layers of a block are together about a forward pass over the set.
    private func sequencesToMeasure(_ learning: [Int]) -> [Int] {
        let most = pass.objective == .block ? min(2 * pass.batch, max(1, calibration.sequenceCount / 8)) : 2 * pass.batch
        return Array(learning.prefix(most))
    }

    /// A quarter of the sequences, evenly spaced, is held back from learning when there are enough.
    private func split() -> (learning: [Int], heldBack: [Int]) {
        let heldBack = allSequences.filter { $0 % 4 == 3 }
        guard heldBack.count >= 2 else { return (allSequences, allSequences) }
        return (allSequences.filter { $0 % 4 != 3 }, heldBack)
    }

    /// What outputs cost, where they do not count alike.
    private func outputPrices(_ report: inout PassReport) throws -> OutputPrices {
        guard pass.outputs == .fisher else { return .none }
        guard let gradients = calibration.gradients else {
            report.notes.append("outputs of a layer count alike: gradients of this model are not known")
            return .none
        }
        let sequences = pass.objective == .block ? OutputCurvature.sequences(of: calibration.sequenceCount) : allSequences
        calibration.count(forwardPasses: OutputCurvature.forwardPasses * Double(sequences.count) / Double(max(allSequences.count, 1)))
        return try OutputPrices(gradients, sequences: sequences, of: Set(tensors.map(\.name)), context)
    }

    /// The layers with the rank that pays and priced entries.
    private func candidates(_ prices: OutputPrices) throws -> [LayerCandidate] {
        context.execution.progress.begin("pricing", total: tensors.count, unit: "layers")
        defer { context.execution.progress.end() }
        let stage = "pricing"
        var found = [PassSnapshot?](repeating: nil, count: tensors.count)
        try found.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            let known = Set(tensors.indices.filter { context.isRecorded(stage, tensors[$0].name) })
            for index in known.sorted() {
                slots[index] = try context.recording(stage, tensors[index].name) { preconditionFailure("\(index) is not priced") }
                context.execution.progress.advance(by: 1, remark: tensors[index].name)
            }
            try common.forEachSecondMoment(of: { !known.contains($0) }) { owners in
                var some = Array(slots)
                try context.exchange(stage, tensors.map(\.name), owners, &some)
                for index in some.indices { slots[index] = some[index] }
            } _: { index, h in
                slots[index] = try context.recording(stage, tensors[index].name, isShared: true) {
                    try rank(index, h, prices).snapshot(inputPower: (0..<h.rows).map { h[$0, $0] })
                }
                context.execution.advanceShared(remark: tensors[index].name)
            }
        }
        return try zip(tensors.indices, found.compactMap { $0 }).map { index, found in
            let (choice, power) = try RankChoice.Choice.made(of: found, shape: tensors[index].shape)
            return try LayerCandidate(
                name: tensors[index].name, block: context.original.structure.block(of: tensors[index].name),
                weight: common.originals[index].payload, inputPower: power, outputPrices: prices[tensors[index].name],
                lowRank: choice.terms, rankGain: choice.gain, context.execution)
        }
    }

    private func rank(_ index: Int, _ h: Matrix, _ prices: OutputPrices) throws -> RankChoice.Choice {
        let candidates = try rightSingularVectors(of: tensors[index])
        let weight = try common.weight(index)
        guard weight.isFinite, h.isFinite else {
            throw PassError(.unsupported, pass: ProbabilisticPruningPass.name, "the inputs of '\(tensors[index].name)' are not finite")
        }
        return try RankChoice(budget: pass.budget.parameters(of: weight.elements.count), outputPrices: prices[tensors[index].name]).choose(
            weight, candidates: candidates, secondMoment: h, context.execution)
    }

    /// The right singular vectors of the tensor's low-rank term, [k, n]; none when nothing decomposed it.
    private func rightSingularVectors(of tensor: Tensor) throws -> Matrix {
        for term in tensor.payload.terms {
            if case .lowRank(let factors) = term { return try factors.triplets().vTransposed }
        }
        return Matrix(zeros: 0, tensor.shape.columns)
    }

    /// The values of the chosen ranks and counts, as they are stored.
    private func solve(
        _ layers: [LayerCandidate], _ choices: [LayerCandidate.Choice], _ rises: [Double]?, _ prices: OutputPrices
    ) throws -> [(Payload, TensorReport)] {
        context.execution.progress.begin("solve", total: layers.count, unit: "layers")
        defer { context.execution.progress.end() }
        var results = [(Payload, TensorReport)?](repeating: nil, count: layers.count)
        func keep(_ index: Int, _ make: () throws -> PruningResult) throws -> (Payload, TensorReport) {
            defer { context.execution.advanceShared(remark: layers[index].name) }
            return try common.finish(index, pass.dtype, isShared: true, make)
        }
        let known = Set(layers.indices.filter { context.isFinished(tensors[$0]) })
        /// The best entries with the values that they have: against the weights alone they are the solution.
        func unsolved(_ index: Int) throws -> PruningResult {
            try PruningResult(
                name: layers[index].name, layers[index].lowRank, sparse: layers[index].sparse(choices[index]), sensitivity: rises?[index],
                rankGain: layers[index].rankGain)
        }
        func solved(_ index: Int, _ h: Matrix) throws -> PruningResult {
            let solution = try LayerSolver(secondMoment: h, context.execution).solve(
                common.weight(index), lowRank: layers[index].lowRank, entries: choices[index].count,
                outputPrices: prices[layers[index].name], context.execution)
            return PruningResult(
                name: layers[index].name, lowRank: solution.lowRank, sparse: solution.sparse, sensitivity: rises?[index],
                rankGain: layers[index].rankGain)
        }
        try results.withUnsafeMutableBufferPointer { buffer in
            let slots = buffer
            func together(_ owners: [Int?]) throws { try common.exchange(owners, in: slots) }
            /// Makes some layers' results, each rank its own, and gives them to all.
            func share(_ members: [Int], _ make: (Int) throws -> PruningResult) throws {
                var owners = [Int?](repeating: nil, count: layers.count)
                let some = context.owners(members.map { tensors[$0] }, isKnown: context.isFinished) { $0.solveCost }
                for (index, owner) in zip(members, some) { owners[index] = owner }
                let own = members.filter { owners[$0].map { $0 == context.ensemble.rank } ?? true }
                try common.forEach(own) { index in slots[index] = try keep(index) { try make(index) } }
                try together(owners)
            }
            guard pass.solves else { return try share(Array(layers.indices), unsolved) }
            if pass.isSequential {
                return try solveSequentially(layers) { inputs in
                    try share(inputs.keys.sorted()) { index in
                        guard let h = inputs[index] else { preconditionFailure("'\(layers[index].name)' has no inputs") }
                        return try solved(index, h)
                    }
                    return inputs.keys.sorted().compactMap { index in slots[index].map { (layers[index].name, $0.0) } }
                }
            }
            for index in known.sorted() { slots[index] = try keep(index) { try unsolved(index) } }
            try common.forEachSecondMoment(of: { !known.contains($0) }, together: together) { index, h in
                slots[index] = try keep(index) { try solved(index, h) }
            }
        }
        return results.compactMap { $0 }
    }

    /// Each block against what the blocks before it, as they are stored, really produce.
    ///
    /// - Parameter solved: is given the second moments of a block's layers, by number, and gives their payloads by name.
    private func solveSequentially(
        _ layers: [LayerCandidate], _ solved: (_ inputs: [Int: Matrix]) throws -> [(name: String, payload: Payload)]
    ) throws {
        let positions = Dictionary(uniqueKeysWithValues: layers.enumerated().map { ($1.name, $0) })
        try calibration.forEachBlock { inputs in
            var moments: [Int: Matrix] = [:]
            for input in inputs {
                for index in input.group.members.compactMap({ positions[$0] }) { moments[index] = input.secondMoment }
            }
            let stored = try solved(moments)
            return ReplacedWeights(stored.map(\.name)) { [stored] in try stored[$0].payload.densifiedMatrix(context.execution) }
        }
    }
}

extension RankChoice.Choice {
    /// With the diagonal of H, as a stage of the pass is kept.
    fileprivate func snapshot(inputPower: [Float]) throws -> PassSnapshot {
        var found = PassSnapshot()
        try found.set("power", inputPower)
        try found.set("u", terms.u.elements)
        try found.set("values", terms.singularValues)
        try found.set("v", terms.vTransposed.elements)
        if let gain { found.numbers["gain"] = [gain] }
        return found
    }

    fileprivate static func made(of found: PassSnapshot, shape: Shape) throws -> (RankChoice.Choice, inputPower: [Float]) {
        let values = try found.floats("values") ?? []
        guard let power = try found.floats("power"), let u = try found.floats("u"), let v = try found.floats("v"),
            power.count == shape.columns,
            u.count == shape.rows * values.count, v.count == shape.columns * values.count
        else {
            throw PassError(
                .unsupported, pass: ProbabilisticPruningPass.name, "what an interrupted run has kept does not fit this model")
        }
        let terms = SingularTriplets(
            u: Matrix(rows: shape.rows, columns: values.count, elements: u), singularValues: values,
            vTransposed: Matrix(rows: values.count, columns: shape.columns, elements: v))
        return (RankChoice.Choice(terms: terms, gain: found.numbers["gain"]?.first), power)
    }
}
