import Execution
import GradientFitting
import LayerwiseCompression
import LinearAlgebra
import ModelGraph

/// A matrix whose entries move and are pruned by their sensitivity |W · ∂L/∂W|, smoothed over steps: Γ ← β·Γ + (1 − β)·|W · ∂L/∂W|.
final class PrunedLayer {
    let rows: Int
    let columns: Int
    let values: FloatBuffer
    /// Γ.
    let sensitivities: FloatBuffer
    let optimizer: AdamOptimizer
    private let smoothing: Double
    private let execution: ExecutionContext

    /// - Parameter smoothing: β.
    init(_ weight: Matrix, smoothing: Double, _ execution: ExecutionContext) throws {
        (rows, columns, self.smoothing, self.execution) = (weight.rows, weight.columns, smoothing, execution)
        values = try FloatBuffer(copying: weight.elements, execution.memory)
        sensitivities = try FloatBuffer(zeros: values.count, execution.memory)
        optimizer = try AdamOptimizer(values, [(range: 0..<values.count, step: 1)], execution)
    }

    var arrays: [(name: String, buffer: FloatBuffer)] {
        [("values", values), ("sensitivities", sensitivities), ("first moments", optimizer.mean), ("second moments", optimizer.square)]
    }

    var matrix: Matrix { Matrix(rows: rows, columns: columns, elements: Array(values.floats)) }

    /// Takes a step in, moves the entries, and leaves zeros in the place of all but a share of them.
    ///
    /// - Parameter step: from 0.
    func move(_ gradient: Matrix, rate: Double, step: Int, keeping share: Double) throws {
        let (w, scores) = (values.floats, sensitivities.floats)
        let (old, new) = (Float(smoothing), Float(1 - smoothing))
        for entry in scores.indices { scores[entry] = old * scores[entry] + new * abs(w[entry] * gradient.elements[entry]) }
        try optimizer.move(values, 0..<values.count, against: gradient.elements, rate: rate, step: step + 1)
        try prune(keeping: share)
        for buffer in arrays.dropFirst() { buffer.buffer.letGo() }
    }

    /// Where no gradient has been anything but zero, as in the minimum that the original is, the largest entries stay.
    private func prune(keeping share: Double) throws {
        guard share < 1 else { return }
        let (matrix, scores) = (self.matrix, sensitivities.floats)
        let hasScores = scores.contains { $0 > 0 }
        let count = max(Int(share * Double(values.count)), 1)
        let kept = try matrix.keepingLargest(count, within: .layer, execution) { row in
            (row * columns..<(row + 1) * columns).map { hasScores ? scores[$0] : abs(matrix.elements[$0]) }
        }
        let floats = values.floats
        for entry in floats.indices { floats[entry] = kept.elements[entry] }
    }
}
