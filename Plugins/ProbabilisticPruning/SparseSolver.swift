import Execution
import LinearAlgebra

/// Chooses support and values of a sparse S [m, n] with `count` non-zeros that minimise tr((R − S) H (R − S)ᵀ): the squared
/// difference of the layer's outputs on the calibration inputs.
///
/// Support by ADMM with a rising penalty on the problem scaled to a unit diagonal (ALPS, Meng et al. 2024, section 3): D is the
/// largest entries of W + V/ρ, W solves (H + ρI) in the eigenbasis of H. Values then by least squares on the support, row by
/// row: S_Q = R H[:, Q] (H[Q, Q])⁻¹. An ADMM step costs 4mn² operations, the values Σ over rows of |Q|³/3.
struct SparseSolver {
    /// Scaled H with a unit diagonal, damped.
    private let scaled: Matrix
    /// √Hⱼⱼ.
    private let roots: [Float]
    private let eigen: SymmetricEigen

    /// Share of the mean diagonal that is added to the diagonal of H.
    static let damping: Float = 0.01

    /// - Throws: `LinearAlgebraError` when H has no eigendecomposition, as with NaN.
    init(secondMoment h: Matrix) throws {
        let n = h.rows
        let mean = (0..<n).reduce(Float(0)) { $0 + h[$1, $1] } / Float(max(n, 1))
        let floor = max(mean * SparseSolver.damping, Float.leastNormalMagnitude)
        let roots = (0..<n).map { (h[$0, $0] + floor).squareRoot() }
        scaled = Matrix(rows: n, columns: n) { out in
            for i in 0..<n {
                for j in 0..<n {
                    let value = i == j ? h[i, i] + floor : h[i, j]
                    out[i * n + j] = value / (roots[i] * roots[j])
                }
            }
        }
        self.roots = roots
        eigen = try scaled.symmetricEigen()
    }

    /// - Returns: S, at most `count` non-zeros, their values the least squares on the support.
    func solve(_ target: Matrix, count: Int, _ cancellation: Cancellation) throws -> Matrix {
        if count <= 0 { return Matrix(zeros: target.rows, target.columns) }
        if count >= target.elements.count { return target }
        let r = scaledColumns(target, by: roots)
        let support = try iterate(r, count: count, steps: 60, cancellation).support
        let values = try leastSquares(r, support: support, cancellation)
        return scaledColumns(values, by: roots.map { 1 / $0 })
    }

    /// S after some ADMM steps, without the least squares: near enough while the other part of the layer still moves.
    func estimate(_ target: Matrix, count: Int, steps: Int, _ cancellation: Cancellation) throws -> Matrix {
        if count <= 0 { return Matrix(zeros: target.rows, target.columns) }
        if count >= target.elements.count { return target }
        let values = try iterate(scaledColumns(target, by: roots), count: count, steps: steps, cancellation).values
        return scaledColumns(values, by: roots.map { 1 / $0 })
    }

    private func scaledColumns(_ matrix: Matrix, by factors: [Float]) -> Matrix {
        Matrix(rows: matrix.rows, columns: matrix.columns) { out in
            for row in 0..<matrix.rows {
                for column in 0..<matrix.columns { out[row * matrix.columns + column] = matrix[row, column] * factors[column] }
            }
        }
    }

    private func iterate(
        _ r: Matrix, count: Int, steps: Int, _ cancellation: Cancellation
    ) throws -> (support: [Bool], values: Matrix) {
        let (m, n) = (r.rows, r.columns)
        let rotated = r.times(eigen.vectorRows, otherAs: .transposed)  // R Q, [m, n]
        var rho: Float = 0.1
        var d = r
        var dual = Matrix(zeros: m, n)
        var support = top(r, count)
        keep(&d, support)
        for step in 0..<steps {
            try cancellation.check()
            // W = (R H − V + ρ D)(H + ρ)⁻¹ in the eigenbasis.
            var right = Matrix(rows: m, columns: n) { out in
                for i in 0..<out.count { out[i] = rho * d.elements[i] - dual.elements[i] }
            }.times(eigen.vectorRows, otherAs: .transposed)
            right.elements.withUnsafeMutableBufferPointer { right in
                rotated.elements.withUnsafeBufferPointer { rotated in
                    for row in 0..<m {
                        for k in 0..<n {
                            let value = max(eigen.values[k], 0)
                            right[row * n + k] = (right[row * n + k] + rotated[row * n + k] * value) / (value + rho)
                        }
                    }
                }
            }
            let w = right.times(eigen.vectorRows)
            var proposal = Matrix(rows: m, columns: n) { out in
                for i in 0..<out.count { out[i] = w.elements[i] + dual.elements[i] / rho }
            }
            let next = top(proposal, count)
            keep(&proposal, next)
            d = proposal
            for i in dual.elements.indices { dual.elements[i] += rho * (w.elements[i] - d.elements[i]) }
            let changed = zip(support, next).count { $0 != $1 } / 2
            support = next
            if step % 3 == 2 {
                if changed == 0 { break }
                rho *= changed * 10 >= count ? 1.3 : (changed * 200 >= count ? 1.2 : 1.1)
            }
        }
        return (support, d)
    }

    private func top(_ matrix: Matrix, _ count: Int) -> [Bool] {
        let magnitudes = [matrix.elements.map { abs($0) }]
        return OrderStatistic(largest: count, of: magnitudes).selection(of: magnitudes)[0]
    }

    private func keep(_ matrix: inout Matrix, _ support: [Bool]) {
        for index in support.indices where !support[index] { matrix.elements[index] = 0 }
    }

    /// Each row's least squares on its support.
    private func leastSquares(_ r: Matrix, support: [Bool], _ cancellation: Cancellation) throws -> Matrix {
        let n = r.columns
        let gradient = r.times(scaled)  // R H, [m, n]
        var result = Matrix(zeros: r.rows, n)
        var system = [Float](repeating: 0, count: n * n)
        var right = [Float](repeating: 0, count: n)
        for row in 0..<r.rows {
            if row % 64 == 0 { try cancellation.check() }
            let columns = (0..<n).filter { support[row * n + $0] }
            let size = columns.count
            for (i, column) in columns.enumerated() {
                right[i] = gradient[row, column]
                scaled.elements.withUnsafeBufferPointer { h in
                    for (j, other) in columns.enumerated() { system[i * size + j] = h[column * n + other] }
                }
            }
            if solvePositiveDefinite(&system, order: size, &right, count: 1) {
                for (i, column) in columns.enumerated() { result[row, column] = right[i] }
            } else {
                for column in columns { result[row, column] = r[row, column] }
            }
        }
        return result
    }
}
