import LinearAlgebra
import ModelGraph

/// A calibration whose losses are kept with the finished work of a pass, by what was asked: an equal run that asks it again, whenever that is,
/// is given the answer.
final class RecordedCalibration: CalibrationProvider {
    private let base: any CalibrationProvider
    private let set: LossQuestion.CalibrationSet
    private let finished: FinishedPass
    private let original: TensorGraph

    /// - Parameter original: the model that `base` runs.
    init(_ base: any CalibrationProvider, _ set: LossQuestion.CalibrationSet, _ finished: FinishedPass, original: TensorGraph) {
        self.base = base
        self.set = set
        self.finished = finished
        self.original = original
    }

    var sequenceCount: Int { base.sequenceCount }
    var scoredTokensPerSequence: Int { base.scoredTokensPerSequence }
    var warnings: [String] { base.warnings }
    var gradients: (any GradientProvider)? { base.gradients }

    /// Weights without an identity of their own are made once more, to tell what is asked.
    func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] {
        var digest = WeightsDigest("replaced")
        if let identity = weights.identity {
            digest.add(identity)
        } else {
            for name in weights.names.sorted() { if let matrix = try weights.matrix(name) { digest.add(name, matrix) } }
        }
        return try finished.losses(question(sequences, digest)) { try base.losses(sequences: sequences, replacing: weights) }
    }

    func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] {
        var digest = WeightsDigest("model")
        try digest.add(graph, since: original)
        return try finished.losses(question(sequences, digest)) { try base.losses(sequences: sequences, of: graph) }
    }

    /// Each alternative is a question of its own. Weights are made twice only where answers may be there already.
    func forEachLoss(
        sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix, _ body: (Int, [Double]) throws -> Void
    ) throws {
        func question(_ index: Int, _ matrix: Matrix) -> LossQuestion {
            var digest = WeightsDigest("replaced alone")
            digest.add(names[index], matrix)
            return self.question(sequences, digest)
        }
        var missing: [Int] = []
        for index in names.indices {
            // What an interrupted run had not come to is not worth the making.
            if finished.hasLosses, missing.isEmpty, let losses = finished.losses(question(index, try weight(index))) {
                try body(index, losses)
            } else {
                missing.append(index)
            }
        }
        if missing.isEmpty { return }
        var asked = [LossQuestion?](repeating: nil, count: names.count)
        try base.forEachLoss(sequences: sequences, replacingEach: missing.map { names[$0] }) { slot in
            let matrix = try weight(missing[slot])
            asked[missing[slot]] = question(missing[slot], matrix)
            return matrix
        } _: { slot, losses in
            let index = missing[slot]
            if let question = asked[index] { try finished.add([FinishedLosses(question, losses)]) }
            try body(index, losses)
        }
    }

    func forEachSecondMoment(
        of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
    ) throws {
        try base.forEachSecondMoment(of: isWanted, at: homes, body)
    }

    func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws { try base.forEachInputNorms(body) }

    func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> ReplacedWeights) throws {
        try base.forEachBlock(replace)
    }

    private func question(_ sequences: [Int], _ digest: WeightsDigest) -> LossQuestion {
        LossQuestion(set: set, sequences: sequences, weights: digest.hexadecimal)
    }
}
