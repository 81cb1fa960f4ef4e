import Execution
import LinearAlgebra

/// Chooses support and values of a sparse S [m, n] with `count` non-zeros that minimise tr((R − S) H (R − S)ᵀ): the squared
/// difference of the layer's outputs on the calibration inputs.
///
/// Support by ADMM (`SupportSearch`), then values by least squares on it (`LeastSquaresValues`); memory is that of R and S, H and a factor
/// of H, and some rows for each thread.
public struct SparseSolver {
    /// H with its columns and rows scaled, damped.
    private let scaled: Matrix
    /// What columns of R are multiplied by.
    private let scales: [Float]
    private let settings: SolverSettings

    /// - Throws: `LinearAlgebraError` when H is not positive definite, as with NaN; `Cancelled`.
    public init(
        secondMoment h: Matrix, _ execution: ExecutionContext, _ settings: SolverSettings = .lowRankAndSparse
    ) throws {
        let n = h.rows
        let damped = h.damped(settings.damping)
        let scales = try Self.scales(of: damped, settings.support, execution)
        scaled = Matrix(rows: n, columns: n) { out in
            for i in 0..<n { for j in 0..<n { out[i * n + j] = damped[i, j] / (scales[i] * scales[j]) } }
        }
        (self.scales, self.settings) = (scales, settings)
    }

    /// (Hⱼⱼ / (H⁻¹)ⱼⱼ)^¼: what an entry of column j costs is between Hⱼⱼ where no other makes up for it, and 1 / (H⁻¹)ⱼⱼ where all do
    /// (Optimal Brain Surgeon, Hassibi and Stork 1993). In the middle of both one penalty is right for all columns.
    private static func scales(of h: Matrix, _ settings: SolverSettings.Support, _ execution: ExecutionContext) throws -> [Float] {
        let n = h.rows
        let roots = (0..<n).map { h[$0, $0].squareRoot() }
        let unit = Matrix(rows: n, columns: n) { out in
            for i in 0..<n { for j in 0..<n { out[i * n + j] = h[i, j] / (roots[i] * roots[j]) } }
        }
        let inverses = try CholeskyFactor(of: unit, execution).inverseDiagonal(execution)
        return (0..<n).map { roots[$0] / inverses[$0].squareRoot().squareRoot() }
    }

    /// S of at most `count` non-zeros, their values the least squares on the support.
    ///
    /// - Parameters:
    ///   - target: R [m, n].
    /// - Throws: `LinearAlgebraError`, `Cancelled`.
    public func solve(_ target: Matrix, count: Int, _ execution: ExecutionContext) throws -> Matrix {
        try sparse(target, count: count, steps: settings.support.finalSteps, execution) { s, r in
            try LeastSquaresValues(h: scaled, settings: settings.values).solve(&s, for: r, execution)
        }
    }

    /// S after some ADMM steps, without the least squares: near enough while the other part of the layer still moves.
    func estimate(_ target: Matrix, count: Int, _ execution: ExecutionContext) throws -> Matrix {
        try sparse(target, count: count, steps: settings.support.roughSteps, execution) { _, _ in }
    }

    private func sparse(
        _ target: Matrix, count: Int, steps: Int, _ execution: ExecutionContext, _ finish: (inout Matrix, _ r: Matrix) throws -> Void
    ) throws -> Matrix {
        if count <= 0 { return Matrix(zeros: target.rows, target.columns) }
        if count >= target.elements.count { return target }
        let r = target.scalingColumns(by: scales)
        var s = try SupportSearch(h: scaled, settings: settings.support).run(r, count: count, steps: steps, execution)
        try finish(&s, r)
        s.scaleColumns(by: scales.map { 1 / $0 })
        return s
    }

    /// What `solve` and what was done for H before cost for R [m, n], in additions and multiplications.
    ///
    /// Scales: n³/3 for a factor and as many for the diagonal of the inverse. ADMM: 2mn² a step and n³/3 whenever ρ changes. Values: the first
    /// residual 2mn², then for each row |Q|³/3 or 2n² a step, whichever is less, with |Q| = entries/m.
    public static func operations(
        rows m: Int, columns n: Int, entries: Int, _ settings: SolverSettings = .lowRankAndSparse
    ) -> Double {
        let (rows, columns, places) = (Double(m), Double(n), Double(entries) / Double(max(m, 1)))
        let steps = settings.support.finalSteps
        let factors = (steps + settings.support.stepsAtOnePenalty - 1) / settings.support.stepsAtOnePenalty
        let ofH = Double(2 + factors) * columns * columns * columns / 3
        let ofARow = 2 * columns * columns
        let values = min(places * places * places / 3, Double(settings.values.usualSteps) * ofARow)
        return ofH + rows * (Double(steps + 1) * ofARow + values)
    }
}

extension Matrix {
    /// A ← A · diag(d).
    fileprivate mutating func scaleColumns(by d: [Float]) {
        let (rows, columns) = (rows, columns)
        elements.withUnsafeMutableBufferPointer { a in
            for row in 0..<rows { for column in 0..<columns { a[row * columns + column] *= d[column] } }
        }
    }
}
