import Execution
import GradientFitting
import LayerwiseCompression
import LinearAlgebra
import ModelGraph
import PassKit

/// One run of the pass: from the factors of every layer to what is left of them.
struct LoSparseRun {
    struct Settings: Sendable {
        let rankRatio: Double
        let areInputs: Bool
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

    /// Of the steps those before any neuron is pruned, and those after all are.
    private static let (warmUpShare, finalShare) = (0.1, 0.3)

    /// U, V and S of a layer as they move, and where S is among the values.
    private struct Layer {
        let tensor: RefitTensor
        let optimizer: AdamOptimizer
        let sparse: Range<Int>
        let rank: Int
    }

    /// - Parameter graph: as the passes before left it.
    func run(_ graph: TensorGraph, _ report: inout PassReport) throws -> [(Payload, TensorReport)] {
        guard let gradients = common.calibration.gradients else {
            throw PassError(.unsupported, pass: LoSparsePass.name, "gradients of this model are not known")
        }
        let (count, tensors) = (common.calibration.sequenceCount, common.tensors)
        let isKnown = tensors.allSatisfy(context.isFinished) && context.isRecorded(LoSparsePass.name, "steps")
        execution.progress.begin(LoSparsePass.name, total: settings.passes * count, unit: "sequences")
        defer { execution.progress.end() }
        var (layers, objectives) = ([Layer](), [Double]())
        if isKnown {
            execution.progress.advance(by: settings.passes * count)
        } else {
            layers = try tensors.indices.map(factors)
            objectives = try train(layers, gradients.divergence(of: graph), count)
        }
        let results = try tensors.indices.map { index in
            try common.finish(index, settings.dtype) { try result(layers[index], tensors[index]) }
        }
        let steps = try context.recording(LoSparsePass.name, "steps") {
            var found = PassSnapshot()
            found.numbers["objectives"] = objectives
            return found
        }.numbers["objectives"]
        report.curves.append(Curve(name: "divergence of each step", values: steps ?? objectives))
        return results
    }

    /// The rank of a layer.
    private func rank(_ shape: Shape) -> Int {
        let kept = common.budget.parameters(of: shape.elementCount)
        return ParameterBudget.rank(of: Int(settings.rankRatio * Double(kept)), shape.rows, shape.columns)
    }

    /// U√Σ, √ΣVᵀ and what they leave of the weight.
    private func factors(_ index: Int) throws -> Layer {
        try execution.cancellation.check()
        let (weight, tensor) = (try common.weight(index), common.tensors[index])
        let rank = rank(tensor.shape)
        let start = try PruningResult(
            name: tensor.name, weight.leadingSingularTriplets(rank, execution), sparse: Matrix(zeros: weight.rows, weight.columns))
        var terms: [Payload] = []
        var rest = weight
        if let (u, v) = start.lowRank {
            rest = weight - (try u.times(v, on: execution))
            terms.append(.lowRank(try LowRankTensor(u: .dense(DenseTensor(u, dtype: .f32)), v: .dense(DenseTensor(v, dtype: .f32)))))
        }
        terms.append(.dense(try DenseTensor(rest, dtype: .f32)))
        let moving = try RefitTensor(
            Tensor(name: tensor.name, shape: tensor.shape, dtype: .f32, payload: .composite(terms)), .dense, execution)
        guard case .whole(let sparse)? = moving.terms.last else { preconditionFailure("S moves") }
        return Layer(tensor: moving, optimizer: try AdamOptimizer(moving), sparse: sparse.range, rank: start.lowRank == nil ? 0 : rank)
    }

    private func result(_ layer: Layer, _ tensor: Tensor) throws -> PruningResult {
        let (m, n) = (tensor.shape.rows, tensor.shape.columns)
        let floats = layer.tensor.values.floats
        func matrix(_ range: Range<Int>, rows: Int, columns: Int) -> Matrix {
            Matrix(rows: rows, columns: columns, elements: Array(floats[range]))
        }
        let sparse = matrix(layer.sparse, rows: m, columns: n)
        guard layer.rank > 0 else { return PruningResult(name: tensor.name, lowRank: nil, sparse: sparse) }
        let u = matrix(0..<m * layer.rank, rows: m, columns: layer.rank)
        let v = matrix(m * layer.rank..<layer.sparse.lowerBound, rows: layer.rank, columns: n)
        return PruningResult(name: tensor.name, lowRank: (u, v), sparse: sparse)
    }

    /// Moves and prunes, batch by batch.
    ///
    /// - Returns: the objective before each step.
    private func train(_ layers: [Layer], _ objective: any RefitObjective, _ count: Int) throws -> [Double] {
        let names = layers.map(\.tensor.name)
        let steps = TrainingSteps(
            sequences: count, passes: settings.passes, batch: settings.batch, rate: settings.rate, seed: context.seed)
        let total = steps.total
        let shapes = common.tensors.map {
            NeuronScores.Layer(rows: $0.shape.rows, columns: $0.shape.columns, areInputs: settings.areInputs)
        }
        let all = shapes.reduce(0) { $0 + $1.rows * $1.columns }
        let ofRank = zip(layers, shapes).reduce(0) { $0 + $1.0.rank * ($1.1.rows + $1.1.columns) }
        let schedule = CubicSchedule(
            steps: total, before: Int(Self.warmUpShare * Double(total)), after: max(1, Int(Self.finalShare * Double(total))),
            last: Double(max(common.parameterBudget - ofRank, 0)) / Double(max(all, 1)))
        var scores = NeuronScores(shapes, smoothing: settings.smoothing)
        var objectives: [Double] = []
        if let snapshot = context.snapshot {
            objectives = try restore(snapshot, layers, &scores)
            execution.progress.advance(by: min(objectives.count * settings.batch, settings.passes * count))
        }
        while objectives.count < total {
            try execution.cancellation.check()
            try context.keepSnapshot { try snapshot(layers, scores, objectives) }
            let step = objectives.count
            let (chosen, rate) = (steps.sequences(step), steps.rate(step))
            var smoothed = scores
            let found = try objective.value(
                sequences: chosen, replacing: ReplacedWeights(names) { try layers[$0].tensor.matrix(layers[$0].tensor.values) },
                moving: names, pass: LoSparsePass.name
            ) { index, gradient in
                let layer = layers[index]
                let sparse = UnsafeBufferPointer(rebasing: layer.tensor.values.floats[layer.sparse])
                smoothed.add(index, values: sparse, gradient: gradient.elements)
                try layer.tensor.forEachPartGradient(gradient) { part, gradient in
                    try layer.optimizer.move(layer.tensor.values, part, against: gradient, rate: rate, step: step + 1)
                }
            }
            scores = smoothed
            // The last neurons are chosen for the budget itself.
            let share = schedule.share(step)
            let entries = share == schedule.last ? max(common.parameterBudget - ofRank, 0) : Int(share * Double(all))
            prune(layers, shapes, scores.kept(entries: entries))
            objectives.append(found)
            execution.progress.advance(by: chosen.count, remark: "objective \(rounded(found))")
        }
        return objectives
    }

    /// T(S): zeros in the place of neurons that do not stay.
    private func prune(_ layers: [Layer], _ shapes: [NeuronScores.Layer], _ kept: [[Bool]]) {
        for (index, layer) in layers.enumerated() {
            let values = layer.tensor.values.floats
            for (entry, place) in layer.sparse.enumerated() where !kept[index][shapes[index].neuron(entry)] { values[place] = 0 }
        }
    }
}

extension LoSparseRun {
    private func arrays(_ layer: Layer) -> [(name: String, buffer: FloatBuffer)] {
        [("values", layer.tensor.values), ("first moments", layer.optimizer.mean), ("second moments", layer.optimizer.square)]
            .map { ("\(layer.tensor.name): \($0.0)", $0.1) }
    }

    private func snapshot(_ layers: [Layer], _ scores: NeuronScores, _ objectives: [Double]) throws -> PassSnapshot {
        var snapshot = PassSnapshot()
        snapshot.numbers["objectives"] = objectives
        for (index, layer) in layers.enumerated() {
            snapshot.numbers["\(layer.tensor.name): scores"] = scores.scores[index]
            for (name, buffer) in arrays(layer) {
                try snapshot.set(name, buffer)
            }
        }
        return snapshot
    }

    /// - Returns: the objectives of the steps that were taken.
    private func restore(_ snapshot: PassSnapshot, _ layers: [Layer], _ scores: inout NeuronScores) throws -> [Double] {
        var found: [[Double]] = []
        for (index, layer) in layers.enumerated() {
            guard let own = snapshot.numbers["\(layer.tensor.name): scores"], own.count == scores.scores[index].count else {
                throw PassSnapshot.foreign(to: LoSparsePass.name)
            }
            found.append(own)
            for (name, buffer) in arrays(layer) {
                try snapshot.restore(name, to: buffer, pass: LoSparsePass.name)
            }
        }
        scores.set(found)
        guard let objectives = snapshot.numbers["objectives"] else { throw PassSnapshot.foreign(to: LoSparsePass.name) }
        return objectives
    }
}
