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
    var gradients: (any GradientProvider)? { base.gradients }

    func losses(sequences: [Int], replacing weights: [String: Matrix]) throws -> [Double] {
        var digest = WeightsDigest("replaced")
        for name in weights.keys.sorted() { if let matrix = weights[name] { digest.add(name, matrix) } }
        return try finished.losses(question(sequences, digest)) { try base.losses(sequences: sequences, replacing: weights) }
    }

    func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] {
        var digest = WeightsDigest("model")
        try digest.add(graph, since: original)
        return try finished.losses(question(sequences, digest)) { try base.losses(sequences: sequences, of: graph) }
    }

    /// Each alternative is a question of its own. Weights are made twice only where answers may be there already.
    func losses(sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix) throws -> [[Double]] {
        var answers = [[Double]?](repeating: nil, count: names.count)
        func question(_ index: Int, _ matrix: Matrix) -> LossQuestion {
            var digest = WeightsDigest("replaced alone")
            digest.add(names[index], matrix)
            return self.question(sequences, digest)
        }
        if finished.hasLosses {
            for index in names.indices {
                answers[index] = finished.losses(question(index, try weight(index)))
                // What an interrupted run had not come to is not worth the making.
                if answers[index] == nil { break }
            }
        }
        let missing = names.indices.filter { answers[$0] == nil }
        if !missing.isEmpty {
            var asked = [LossQuestion?](repeating: nil, count: names.count)
            let made = try base.losses(sequences: sequences, replacingEach: missing.map { names[$0] }) { slot in
                let matrix = try weight(missing[slot])
                asked[missing[slot]] = question(missing[slot], matrix)
                return matrix
            }
            for (index, losses) in zip(missing, made) { answers[index] = losses }
            try finished.add(missing.compactMap { index in asked[index].map { FinishedLosses($0, answers[index] ?? []) } })
        }
        return answers.map { $0 ?? [] }
    }

    func forEachSecondMoment(_ body: (InputGroup, Matrix) throws -> Void) throws { try base.forEachSecondMoment(body) }

    func forEachInputNorms(_ body: (InputGroup, [Float]) throws -> Void) throws { try base.forEachInputNorms(body) }

    func forEachBlock(_ replace: ([(group: InputGroup, secondMoment: Matrix)]) throws -> [String: Matrix]) throws {
        try base.forEachBlock(replace)
    }

    private func question(_ sequences: [Int], _ digest: WeightsDigest) -> LossQuestion {
        LossQuestion(set: set, sequences: sequences, weights: digest.hexadecimal)
    }
}
