import Execution
import LinearAlgebra

/// Chooses support and values of a sparse S [m, n] with `count` non-zeros that minimise tr((R − S) H (R − S)ᵀ): the squared
/// difference of the layer's outputs on the calibration inputs.
///
/// Support by ADMM with a rising penalty on the problem scaled to a unit diagonal (ALPS, Meng et al. 2024, section 3): D is the
/// largest entries of W + V/ρ, W solves (H + ρI) in the eigenbasis of H. Values then by least squares on the support, row by
/// row: S_Q = R H[:, Q] (H[Q, Q])⁻¹. An ADMM step costs 4mn² operations, the values Σ over rows of |Q|³/3.
public struct SparseSolver {
    /// Scaled H with a unit diagonal, damped.
    private let scaled: Matrix
    /// √Hⱼⱼ.
    private let roots: [Float]
    private let eigen: SymmetricEigen

    private let settings: SolverSettings.Support

    /// - Throws: `LinearAlgebraError` when H has no eigendecomposition, as with NaN.
    public init(secondMoment h: Matrix, _ settings: SolverSettings = .lowRankAndSparse) throws {
        let n = h.rows
        let damped = h.damped(settings.damping)
        let roots = (0..<n).map { damped[$0, $0].squareRoot() }
        scaled = Matrix(rows: n, columns: n) { out in
            for i in 0..<n { for j in 0..<n { out[i * n + j] = damped[i, j] / (roots[i] * roots[j]) } }
        }
        self.roots = roots
        self.settings = settings.support
        eigen = try scaled.symmetricEigen()
    }

    /// S of at most `count` non-zeros, their values the least squares on the support.
    ///
    /// - Parameters:
    ///   - target: R [m, n].
    /// - Throws: `Cancelled`.
    public func solve(_ target: Matrix, count: Int, _ cancellation: Cancellation) throws -> Matrix {
        if count <= 0 { return Matrix(zeros: target.rows, target.columns) }
        if count >= target.elements.count { return target }
        let r = target.scalingColumns(by: roots)
        let support = try iterate(r, count: count, steps: settings.finalSteps, cancellation).support
        let values = try leastSquares(r, support: support, cancellation)
        return values.scalingColumns(by: roots.map { 1 / $0 })
    }

    /// S after some ADMM steps, without the least squares: near enough while the other part of the layer still moves.
    func estimate(_ target: Matrix, count: Int, _ cancellation: Cancellation) throws -> Matrix {
        if count <= 0 { return Matrix(zeros: target.rows, target.columns) }
        if count >= target.elements.count { return target }
        let values = try iterate(target.scalingColumns(by: roots), count: count, steps: settings.roughSteps, cancellation).values
        return values.scalingColumns(by: roots.map { 1 / $0 })
    }

    private func iterate(
        _ r: Matrix, count: Int, steps: Int, _ cancellation: Cancellation
    ) throws -> (support: [Bool], values: Matrix) {
        let (m, n) = (r.rows, r.columns)
        let rotated = r.times(eigen.vectorRows, otherAs: .transposed)  // R Q, [m, n]
        var rho = settings.penalty
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
            if (step + 1) % settings.stepsAtOnePenalty == 0 {
                if changed == 0 { break }
                rho *= growth(changed: changed, of: count)
            }
        }
        return (support, d)
    }

    private func growth(changed: Int, of count: Int) -> Float {
        if changed * 10 >= count { return settings.growth.many }
        return changed * 200 >= count ? settings.growth.some : settings.growth.few
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
