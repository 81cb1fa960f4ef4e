import LinearAlgebra
import ModelGraph

/// A calibration whose losses are kept with the finished work of a pass: an equal run asks for the same ones in the same order.
final class RecordedCalibration: CalibrationProvider {
    private let base: any CalibrationProvider
    private let set: FinishedLosses.CalibrationSet
    private let finished: FinishedPass
    /// Losses asked for so far.
    private var calls = 0

    init(_ base: any CalibrationProvider, _ set: FinishedLosses.CalibrationSet, _ finished: FinishedPass) {
        self.base = base
        self.set = set
        self.finished = finished
    }

    var sequenceCount: Int { base.sequenceCount }
    var scoredTokensPerSequence: Int { base.scoredTokensPerSequence }
    var gradients: (any GradientProvider)? { base.gradients }

    func losses(sequences: [Int], replacing weights: [String: Matrix]) throws -> [Double] {
        try recorded(models: 1, sequences) { [try base.losses(sequences: sequences, replacing: weights)] }[0]
    }

    func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] {
        try recorded(models: 1, sequences) { [try base.losses(sequences: sequences, of: graph)] }[0]
    }

    func losses(sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix) throws -> [[Double]] {
        try recorded(models: names.count, sequences) { try base.losses(sequences: sequences, replacingEach: names, by: weight) }
    }

    func forEachSecondMoment(_ body: (InputGroup, Matrix) throws -> Void) throws { try base.forEachSecondMoment(body) }

    func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws { try base.forEachInputNorms(body) }

    func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> [String: Matrix]) throws {
        try base.forEachBlock(replace)
    }

    private func recorded(models: Int, _ sequences: [Int], _ make: () throws -> [[Double]]) throws -> [[Double]] {
        defer { calls += 1 }
        return try finished.losses(set, call: calls, models: models, sequences: sequences.count, make)
    }
}
