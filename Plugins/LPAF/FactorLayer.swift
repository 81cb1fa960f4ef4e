import Execution
import GradientFitting
import LinearAlgebra
import ModelGraph

/// U·V of a matrix with more components than stay, of which each step takes the first.
///
/// Among the values Uᵀ [most, m] is before V [most, n], so that the first components of both are together.
final class FactorLayer {
    let rows: Int
    let columns: Int
    let ranks: ClosedRange<Int>
    let values: FloatBuffer
    let optimizer: AdamOptimizer
    private let execution: ExecutionContext

    /// - Parameter ranks: the one that stays and the largest.
    init(_ pruned: Matrix, ranks: ClosedRange<Int>, _ execution: ExecutionContext) throws {
        (rows, columns, self.ranks, self.execution) = (pruned.rows, pruned.columns, ranks, execution)
        let (u, v) = try pruned.sparsityAwareFactors(ranks.upperBound, execution)
        values = try FloatBuffer(copying: u.elements + v.elements, execution.memory)
        let split = u.elements.count
        optimizer = try AdamOptimizer(values, [(range: 0..<split, step: 1), (range: split..<values.count, step: 1)], execution)
    }

    /// One whose values an interrupted run has kept, with zeros in their place.
    ///
    /// - Parameter sizes: as it had them.
    init(_ rows: Int, _ columns: Int, ranks: ClosedRange<Int>, sizes: [Float], _ execution: ExecutionContext) throws {
        (self.rows, self.columns, self.ranks, self.execution) = (rows, columns, ranks, execution)
        values = try FloatBuffer(zeros: ranks.upperBound * (rows + columns), execution.memory)
        let begins = [0, ranks.upperBound * rows]
        optimizer = try AdamOptimizer(
            count: values.count, sizes: Dictionary(uniqueKeysWithValues: zip(begins, sizes)), execution)
    }

    var arrays: [(name: String, buffer: FloatBuffer)] {
        [("factors", values), ("first moments", optimizer.mean), ("second moments", optimizer.square)]
    }

    /// What steps of U and V are multiplied by.
    var sizes: [Float] { [0, split].map { optimizer.sizes[$0] ?? 0 } }

    private var split: Int { ranks.upperBound * rows }

    private func range(ofU rank: Int) -> Range<Int> { 0..<rank * rows }
    private func range(ofV rank: Int) -> Range<Int> { split..<split + rank * columns }

    /// The first components: Uᵀ [rank, m] and V [rank, n].
    func factors(_ rank: Int) -> (uTransposed: Matrix, v: Matrix) {
        (
            Matrix(rows: rank, columns: rows, elements: Array(values.floats[range(ofU: rank)])),
            Matrix(rows: rank, columns: columns, elements: Array(values.floats[range(ofV: rank)]))
        )
    }

    func matrix(_ rank: Int) throws -> Matrix {
        let (u, v) = factors(rank)
        return try u.times(v, .transposed, on: execution)
    }

    /// Moves the first components along the gradient G of their product: dUᵀ = V Gᵀ, dV = Uᵀ G.
    ///
    /// - Parameter step: from 0.
    func move(_ gradient: Matrix, rank: Int, rate: Double, step: Int) throws {
        let (u, v) = factors(rank)
        let ofU = try v.times(gradient, otherAs: .transposed, on: execution)
        let ofV = try u.times(gradient, on: execution)
        try optimizer.move(values, range(ofU: rank), against: ofU.elements, rate: rate, step: step + 1)
        try optimizer.move(values, range(ofV: rank), against: ofV.elements, rate: rate, step: step + 1)
        optimizer.mean.letGo()
        optimizer.square.letGo()
    }
}
