import Execution
import GradientFitting
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of the pass: every layer is pruned, then factorised, then its factors move.
struct LPAFRun {
    struct Settings: Sendable {
        let density: Double
        let ranks: Double
        let prunePasses: Int
        let passes: Int
        let batch: Int
        let rate: Double
        let smoothing: Double
        let dtype: StoredDType
    }

    let settings: Settings
    let common: BudgetedPruning

    private var context: PassContext { common.context }
    private var execution: ExecutionContext { context.execution }
    private var names: [String] { common.tensors.map(\.name) }

    /// Of the steps that prune those before any entry is, and those after all are; of the steps that fit those after ranks are no longer mixed.
    private static let (warmUpShare, finalShare) = (0.1, 0.3)

    private func lastSteps(_ steps: TrainingSteps) -> Int { max(1, Int(Self.finalShare * Double(steps.total))) }

    /// - Parameter graph: as the passes before left it.
    func run(_ graph: TensorGraph, _ report: inout PassReport) throws -> [(Payload, TensorReport)] {
        guard let gradients = common.calibration.gradients else {
            throw PassError(.unsupported, pass: LPAFPass.name, "gradients of this model are not known")
        }
        let (count, tensors) = (common.calibration.sequenceCount, common.tensors)
        let work = (settings.prunePasses + settings.passes) * count
        let isKnown = tensors.allSatisfy(context.isFinished) && context.isRecorded(LPAFPass.name, "steps")
        execution.progress.begin(LPAFPass.name, total: work, unit: "sequences")
        defer { execution.progress.end() }
        var (layers, objectives) = ([FactorLayer](), [Double]())
        if isKnown {
            execution.progress.advance(by: work)
        } else {
            (layers, objectives) = try train(gradients.divergence(of: graph), count)
        }
        let results = try tensors.indices.map { index in
            try common.finish(index, settings.dtype) { result(layers[index], tensors[index]) }
        }
        let steps = try context.recording(LPAFPass.name, "steps") {
            var found = PassSnapshot()
            found.numbers["objectives"] = objectives
            return found
        }.numbers["objectives"]
        report.curves.append(Curve(name: "divergence of each step", values: steps ?? objectives))
        return results
    }

    private func result(_ layer: FactorLayer, _ tensor: Tensor) -> PruningResult {
        let (u, v) = layer.factors(layer.ranks.lowerBound)
        return PruningResult(name: tensor.name, lowRank: (u.transposed, v), sparse: Matrix(zeros: layer.rows, layer.columns))
    }

    /// The rank that a layer keeps, and the largest that it is trained with.
    private func ranks(_ tensor: Tensor) -> ClosedRange<Int> {
        let (m, n) = (tensor.shape.rows, tensor.shape.columns)
        let rank = common.budget.rank(m, n)
        return rank...max(rank, min(Int(settings.ranks * Double(rank)), m, n))
    }

    /// - Returns: the layers, and the objective before each step.
    private func train(_ objective: any RefitObjective, _ count: Int) throws -> ([FactorLayer], [Double]) {
        func steps(_ passes: Int, firstRound: Int) -> TrainingSteps {
            TrainingSteps(
                sequences: count, passes: passes, batch: settings.batch, rate: settings.rate, seed: context.seed, firstRound: firstRound)
        }
        let pruning = steps(settings.prunePasses, firstRound: 0)
        let fitting = steps(settings.passes, firstRound: settings.prunePasses)
        let snapshot = context.snapshot
        var objectives: [Double] = []
        if let snapshot {
            guard let kept = snapshot.numbers["objectives"] else { throw PassSnapshot.foreign(to: LPAFPass.name) }
            objectives = kept
            execution.progress.advance(by: min(kept.count * settings.batch, (settings.prunePasses + settings.passes) * count))
        }
        let layers: [FactorLayer]
        if let snapshot, objectives.count >= pruning.total {
            layers = try factors(from: snapshot)
        } else {
            var pruned = try prune(objective, pruning, from: snapshot, &objectives)
            // Each lets go of its memory when its factors are made.
            var made: [FactorLayer] = []
            while let layer = pruned.popLast() {
                try execution.cancellation.check()
                made.append(try FactorLayer(layer.matrix, ranks: ranks(common.tensors[pruned.count]), execution))
            }
            layers = made.reversed()
        }
        try fit(layers, objective, fitting, after: pruning.total, &objectives)
        return (layers, objectives)
    }

    /// The first stage: moves and prunes, batch by batch.
    private func prune(
        _ objective: any RefitObjective, _ steps: TrainingSteps, from snapshot: PassSnapshot?, _ objectives: inout [Double]
    ) throws -> [PrunedLayer] {
        let layers = try common.tensors.indices.map {
            try PrunedLayer(common.weight($0), smoothing: settings.smoothing, execution)
        }
        if let snapshot { try restore(layers.map(\.arrays), from: snapshot) }
        let schedule = CubicSchedule(
            steps: steps.total, before: Int(Self.warmUpShare * Double(steps.total)), after: lastSteps(steps), last: settings.density)
        while objectives.count < steps.total {
            try execution.cancellation.check()
            try context.keepSnapshot { try self.snapshot(layers.map(\.arrays), objectives) }
            let step = objectives.count
            let (chosen, rate, share) = (steps.sequences(step), steps.rate(step), schedule.share(step))
            let found = try objective.value(
                sequences: chosen, replacing: ReplacedWeights(names) { layers[$0].matrix }, moving: names, pass: LPAFPass.name
            ) { index, gradient in
                try layers[index].move(gradient, rate: rate, step: step, keeping: share)
            }
            objectives.append(found)
            execution.progress.advance(by: chosen.count, remark: "objective \(rounded(found))")
        }
        return layers
    }

    /// The last stage: moves U and V, with the first components of each layer as many as are drawn.
    ///
    /// - Parameter before: steps of the stage before.
    private func fit(
        _ layers: [FactorLayer], _ objective: any RefitObjective, _ steps: TrainingSteps, after before: Int, _ objectives: inout [Double]
    ) throws {
        let mixed = MixedRanks(steps: steps.total, after: lastSteps(steps), seed: context.seed)
        while objectives.count < before + steps.total {
            try execution.cancellation.check()
            try context.keepSnapshot {
                var snapshot = try self.snapshot(layers.map(\.arrays), objectives)
                for (name, layer) in zip(names, layers) { snapshot.numbers["\(name): sizes"] = layer.sizes.map(Double.init) }
                return snapshot
            }
            let step = objectives.count - before
            let (chosen, rate) = (steps.sequences(step), steps.rate(step))
            let ranks = layers.indices.map { mixed.rank(layers[$0].ranks, layer: $0, step: step) }
            let found = try objective.value(
                sequences: chosen, replacing: ReplacedWeights(names) { try layers[$0].matrix(ranks[$0]) }, moving: names,
                pass: LPAFPass.name
            ) { index, gradient in
                try layers[index].move(gradient, rank: ranks[index], rate: rate, step: step)
            }
            objectives.append(found)
            execution.progress.advance(by: chosen.count, remark: "objective \(rounded(found))")
        }
    }
}

extension LPAFRun {
    private func snapshot(_ layers: [[(name: String, buffer: FloatBuffer)]], _ objectives: [Double]) throws -> PassSnapshot {
        var snapshot = PassSnapshot()
        snapshot.numbers["objectives"] = objectives
        for (name, arrays) in zip(names, layers) {
            for array in arrays { try snapshot.set("\(name): \(array.name)", array.buffer) }
        }
        return snapshot
    }

    private func restore(_ layers: [[(name: String, buffer: FloatBuffer)]], from snapshot: PassSnapshot) throws {
        for (name, arrays) in zip(names, layers) {
            for array in arrays { try snapshot.restore("\(name): \(array.name)", to: array.buffer, pass: LPAFPass.name) }
        }
    }

    private func factors(from snapshot: PassSnapshot) throws -> [FactorLayer] {
        let layers = try common.tensors.map { tensor in
            guard let sizes = snapshot.numbers["\(tensor.name): sizes"], sizes.count == 2 else {
                throw PassSnapshot.foreign(to: LPAFPass.name)
            }
            return try FactorLayer(
                tensor.shape.rows, tensor.shape.columns, ranks: ranks(tensor), sizes: sizes.map { Float($0) }, execution)
        }
        try restore(layers.map(\.arrays), from: snapshot)
        return layers
    }
}
