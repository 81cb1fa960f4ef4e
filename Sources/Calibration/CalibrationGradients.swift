import Backpropagation
import Inference
import LinearAlgebra
import PassKit

/// Gradients of a calibration model over its sequences.
final class CalibrationGradients: GradientProvider {
    private let calibration: CalibrationModel

    init(_ calibration: CalibrationModel) { self.calibration = calibration }

    func divergence() throws -> any RefitObjective {
        let (model, execution) = (calibration.model, calibration.execution)
        let states = try HiddenStates(calibration.tokens.sequences, of: model, execution)
        try model.forward(states, through: 0..<model.configuration.blockCount, execution)
        return Divergence(calibration: calibration, reference: states)
    }

    func forEachCurvature(seed: UInt64, _ body: (String, WeightCurvature) throws -> Void) throws {
        let collector = CurvatureCollector(calibration.model, seed: seed, calibration.execution)
        try collector.forEach(calibration.tokens.sequences) { name, inputs, rows in
            try body(name, WeightCurvature(inputs: inputs, rows: rows))
        }
    }

    func forEachBlockError(_ refit: (_ block: Int, any RefitObjective) throws -> ReplacedWeights) throws {
        let (model, execution) = (calibration.model, calibration.execution)
        let original = try HiddenStates(calibration.tokens.sequences, of: model, execution)
        let inputs = try original.copy(execution)
        for block in 0..<model.configuration.blockCount {
            try execution.cancellation.check()
            try model.forward(original, through: block..<block + 1, execution)
            let weights = try refit(block, BlockError(calibration: calibration, block: block, inputs: inputs, targets: original))
            try model.forward(inputs, through: block..<block + 1, replacing: weights, execution)
        }
    }
}

/// How far predictions are from the original's.
private final class Divergence: RefitObjective {
    private let calibration: CalibrationModel
    /// The original's final hidden states of every sequence.
    private let reference: HiddenStates

    init(calibration: CalibrationModel, reference: HiddenStates) {
        self.calibration = calibration
        self.reference = reference
    }

    func value(sequences: [Int], replacing weights: ReplacedWeights, gradient: WeightGradient?) throws -> Double {
        try calibration.model.divergence(
            sequences.map { calibration.tokens.sequences[$0] }, from: sequences.map { reference[$0] }, replacing: weights,
            calibration.execution, gradient: gradient)
    }
}

/// How far one block's outputs are from the original's.
private final class BlockError: RefitObjective {
    private let calibration: CalibrationModel
    private let block: Int
    private let inputs: HiddenStates
    private let targets: HiddenStates

    init(calibration: CalibrationModel, block: Int, inputs: HiddenStates, targets: HiddenStates) {
        self.calibration = calibration
        self.block = block
        self.inputs = inputs
        self.targets = targets
    }

    func value(sequences: [Int], replacing weights: ReplacedWeights, gradient: WeightGradient?) throws -> Double {
        try calibration.model.blockError(
            block, inputs: inputs.some(sequences), targets: sequences.map { targets[$0] }, replacing: weights, calibration.execution,
            gradient: gradient)
    }
}
