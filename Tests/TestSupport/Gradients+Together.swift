import Backpropagation
import Execution
import Inference
import LinearAlgebra
import PassKit

/// A value and the gradients of all replaced weights, by tensor name.
public struct FoundGradients {
    public let value: Double
    public let weights: [String: Matrix]
}

extension Transformer {
    /// The divergence with all gradients at once.
    public func divergence(
        _ sequences: [[Int32]], from reference: [[Float]], replacingAll weights: [String: Matrix], _ execution: ExecutionContext
    ) throws -> FoundGradients {
        var found: [String: Matrix] = [:]
        let value = try divergence(sequences, from: reference, replacing: ReplacedWeights(weights), execution) { found[$0] = $1 }
        return FoundGradients(value: value, weights: found)
    }
}

extension GradientProvider {
    /// All curvatures, by tensor name.
    public func curvatures(seed: UInt64) throws -> [String: WeightCurvature] {
        var found: [String: WeightCurvature] = [:]
        try forEachCurvature(seed: seed) { found[$0] = $1 }
        return found
    }
}

extension CalibrationProvider {
    /// The losses of all alternatives, in their order.
    public func losses(sequences: [Int], replacingEach names: [String], by weight: (Int) throws -> Matrix) throws -> [[Double]] {
        var found = [[Double]](repeating: [], count: names.count)
        try forEachLoss(sequences: sequences, replacingEach: names, by: weight) { found[$0] = $1 }
        return found
    }
}

extension ReplacedWeights {
    /// All of the matrices.
    public func all() throws -> [String: Matrix] {
        var found: [String: Matrix] = [:]
        for name in names { found[name] = try matrix(name) }
        return found
    }
}
