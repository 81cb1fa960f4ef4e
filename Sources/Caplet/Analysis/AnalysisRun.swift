import Calibration
import Dispatch
import Execution
import LinearAlgebra
import ModelGraph
import Models
import PassKit
import RPCA

/// Measures one change after the other.
struct AnalysisRun {
    private let model: Model
    private let sets: CalibrationSets
    private let seed: UInt64
    private let context: RequestContext
    private let execution: ExecutionContext
    private let layers: [(tensor: Tensor, block: Int)]

    init(_ model: Model, _ sets: CalibrationSets, seed: UInt64, _ context: RequestContext, _ execution: ExecutionContext) throws {
        (self.model, self.sets, self.seed, self.context, self.execution) = (model, sets, seed, context, execution)
        let graph = model.graph
        layers = graph.tensors.compactMap { tensor in
            guard tensor.role == .linear, tensor.shape.rank == 2 else { return nil }
            return graph.structure.block(of: tensor.name).map { (tensor, $0) }
        }
        guard !layers.isEmpty else { throw RequestError(.unsupported, "the model has no linear layers in blocks") }
    }

    private var calibration: CalibrationModel { sets.calibration }

    /// - Parameter alternatives: with what runs their passes.
    func run(_ alternatives: [(AnalysisAlternative, PassManager)], name: String) throws -> ModelAnalysis {
        let start = DispatchTime.now().uptimeNanoseconds
        let blocks = model.graph.structure.blockCount
        let stage = execution.progress
        stage.begin("measure", total: (alternatives.count + 1) * layers.count + blocks, unit: "changes")
        let all = Array(0..<calibration.sequenceCount)
        let original = try calibration.losses(sequences: all, replacing: [:])
        guard original.allSatisfy(\.isFinite) else { throw GraphError.notFinite("the loss") }
        var effects = [[ModelAnalysis.Effect]](repeating: [], count: layers.count)
        func measure(_ name: String, by weight: (Int) throws -> Matrix) throws {
            try calibration.forEachLoss(sequences: all, replacingEach: layers.map(\.tensor.name), by: weight) { index, losses in
                effects[index].append(ModelAnalysis.Effect(name, losses, over: original))
                stage.advance(by: 1, remark: name)
                try execution.cancellation.check()
            }
        }
        for (alternative, manager) in alternatives {
            var graph = model.graph
            let silent = execution.with(progress: SilentProgress())
            _ = try manager.run(
                &graph,
                PassContext(
                    execution: silent, seed: seed, original: model.graph, calibration: calibration, heldBack: sets.heldBack,
                    learning: sets.learning, note: { [context] in context.detail($0) }))
            try measure(alternative.name) { index in
                guard let tensor = graph[layers[index].tensor.name] else { preconditionFailure("passes keep every tensor") }
                return try tensor.payload.densifiedMatrix()
            }
        }
        try measure(AnalysisAlternative.removal) { Matrix(zeros: layers[$0].tensor.shape.rows, layers[$0].tensor.shape.columns) }
        let spectra = try self.spectra()
        return ModelAnalysis(
            model: name, losses: original, tokens: calibration.sequenceCount * calibration.scoredTokensPerSequence,
            alternatives: alternatives.map(\.0),
            layers: layers.enumerated().map { index, layer in
                ModelAnalysis.Layer(
                    name: layer.tensor.name, block: layer.block, shape: [layer.tensor.shape.rows, layer.tensor.shape.columns],
                    effects: effects[index], spectra: spectra[layer.tensor.name])
            },
            blocks: try self.blocks(original, all, stage), seconds: Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
    }

    private func blocks(_ original: [Double], _ all: [Int], _ stage: any Progress) throws -> [ModelAnalysis.Block] {
        let cosines = try calibration.blockCosines()
        return try (0..<model.graph.structure.blockCount).map { block in
            let own = layers.filter { $0.block == block }
            guard !own.isEmpty else { return ModelAnalysis.Block(block: block, removal: nil, cosine: cosines[block]) }
            let shapes = Dictionary(own.map { ($0.tensor.name, $0.tensor.shape) }) { first, _ in first }
            let weights = ReplacedWeights(Set(shapes.keys)) { name in
                guard let shape = shapes[name] else { preconditionFailure("'\(name)' is not replaced") }
                return Matrix(zeros: shape.rows, shape.columns)
            }
            let losses = try calibration.losses(sequences: all, replacing: weights)
            stage.advance(by: 1, remark: "block \(block)")
            try execution.cancellation.check()
            return ModelAnalysis.Block(
                block: block, removal: ModelAnalysis.Effect(AnalysisAlternative.removal, losses, over: original), cosine: cosines[block])
        }
    }

    /// Of the layers of the first, the middle and the last block that are small enough for charts.
    private func spectra() throws -> [String: ModelAnalysis.Spectra] {
        let count = model.graph.structure.blockCount
        let chosen = Set([0, count / 2, count - 1])
        let some = layers.filter { chosen.contains($0.block) && $0.tensor.shape.elementCount <= Spectrum.largestMatrix }
        let found = try execution.parallelMap(some.count) { index in
            let w = try some[index].tensor.payload.densifiedMatrix()
            let parts = try RobustPCA(iterations: AnalysisRun.steps, tolerance: 1e-7).decompose(w)
            let sparse = parts.sparse.elements.count { $0 != 0 }
            return ModelAnalysis.Spectra(
                whole: try w.singularValueDecomposition().singularValues, lowRank: parts.lowRank.singularValues.filter { $0 > 0 },
                sparseShare: Double(sparse) / Double(max(w.elements.count, 1)))
        }
        return Dictionary(zip(some.map(\.tensor.name), found)) { first, _ in first }
    }

    /// Of ADMM, as many as `rpca` takes.
    private static let steps = 10
}
