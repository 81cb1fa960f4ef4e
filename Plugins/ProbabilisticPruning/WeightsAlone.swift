import LinearAlgebra
import ModelGraph
import PassKit

/// Stands in for calibration when there is no text: every input counts the same, H = I, so that the output error is ‖W' − W‖²_F.
final class WeightsAlone: CalibrationProvider {
    private let tensors: [Tensor]

    init(_ tensors: [Tensor]) { self.tensors = tensors }

    var sequenceCount: Int { 0 }
    var scoredTokensPerSequence: Int { 0 }

    /// - Throws: always: there is nothing to run the model on.
    func losses(sequences: [Int], replacing weights: ReplacedWeights) throws -> [Double] {
        throw PassError(.usage, pass: ProbabilisticPruningPass.name, "without text there is no loss")
    }

    /// - Throws: always.
    func losses(sequences: [Int], of graph: TensorGraph) throws -> [Double] { try losses(sequences: sequences, replacing: [:]) }

    /// Each matrix as a group and a block of its own.
    func forEachSecondMoment(
        of isWanted: (InputGroup) -> Bool, at homes: (InputGroup) -> [Int]?, _ body: (InputGroup, Matrix?) throws -> Void
    ) throws {
        for (index, tensor) in tensors.enumerated() {
            let group = InputGroup(name: tensor.name, block: index, members: [tensor.name])
            guard isWanted(group) else { continue }
            var identity = Matrix(zeros: tensor.shape.columns, tensor.shape.columns)
            for i in 0..<identity.rows { identity[i, i] = 1 }
            try body(group, identity)
        }
    }
}
