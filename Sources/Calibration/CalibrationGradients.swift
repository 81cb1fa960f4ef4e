import Backpropagation
import Inference
import LinearAlgebra
import PassKit

/// Gradients of a calibration model over its sequences.
final class CalibrationGradients: GradientProvider {
    private let calibration: CalibrationModel

    init(_ calibration: CalibrationModel) { self.calibration = calibration }

    func divergence() throws -> any RefitObjective {
        let sequences = calibration.tokens.sequences
        var reference: [[Float]] = []
        for start in stride(from: 0, to: sequences.count, by: Perplexity.sequencesAtATime) {
            let part = Array(sequences[start..<min(start + Perplexity.sequencesAtATime, sequences.count)])
            reference += try calibration.model.finalHidden(part, calibration.execution)
        }
        return Divergence(calibration: calibration, reference: reference)
    }

    func curvatures(seed: UInt64) throws -> [String: WeightCurvature] {
        let collector = CurvatureCollector(calibration.model, seed: seed, calibration.execution)
        let sequences = calibration.tokens.sequences
        for start in stride(from: 0, to: sequences.count, by: CalibrationModel.wave) {
            try calibration.execution.cancellation.check()
            try collector.add(Array(sequences[start..<min(start + CalibrationModel.wave, sequences.count)]))
        }
        return collector.curvatures.mapValues { WeightCurvature(inputs: $0.inputs, rows: $0.rows) }
    }

    func forEachBlockError(_ refit: (_ block: Int, any RefitObjective) throws -> [String: Matrix]) throws {
        let (model, execution) = (calibration.model, calibration.execution)
        var original = try model.embed(calibration.tokens.sequences)
        var inputs = original
        for block in 0..<model.configuration.blockCount {
            try execution.cancellation.check()
            try model.forward(&original, through: try model.block(block), execution)
            let objective = BlockError(calibration: calibration, block: block, inputs: inputs, targets: original.hidden)
            let weights = try refit(block, objective)
            try model.forward(&inputs, through: try model.block(block, replacing: weights), execution)
        }
    }
}

/// How far predictions are from the original's.
private final class Divergence: RefitObjective {
    private let calibration: CalibrationModel
    /// The original's final hidden states of every sequence.
    private let reference: [[Float]]

    init(calibration: CalibrationModel, reference: [[Float]]) {
        self.calibration = calibration
        self.reference = reference
    }

    func value(sequences: [Int], replacing weights: [String: Matrix], withGradients: Bool) throws -> WeightGradients {
        let found = try calibration.model.divergence(
            sequences.map { calibration.tokens.sequences[$0] }, from: sequences.map { reference[$0] }, replacing: weights,
            withGradients: withGradients, calibration.execution)
        return WeightGradients(value: found.value, weights: found.weights)
    }
}

/// How far one block's outputs are from the original's.
private final class BlockError: RefitObjective {
    private let calibration: CalibrationModel
    private let block: Int
    private let inputs: Transformer.Activations
    private let targets: [[Float]]

    init(calibration: CalibrationModel, block: Int, inputs: Transformer.Activations, targets: [[Float]]) {
        self.calibration = calibration
        self.block = block
        self.inputs = inputs
        self.targets = targets
    }

    func value(sequences: [Int], replacing weights: [String: Matrix], withGradients: Bool) throws -> WeightGradients {
        let some = Transformer.Activations(
            hidden: sequences.map { inputs.hidden[$0] }, tokenCounts: sequences.map { inputs.tokenCounts[$0] })
        let found = try calibration.model.blockError(
            block, inputs: some, targets: sequences.map { targets[$0] }, replacing: weights, withGradients: withGradients,
            calibration.execution)
        return WeightGradients(value: found.value, weights: found.weights)
    }
}
