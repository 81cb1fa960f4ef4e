import Execution
import LinearAlgebra

/// Which entries of S [m, n] are to be non-zero, and about which values they have: ADMM for min tr((R − S) H (R − S)ᵀ) with k non-zeros
/// (ALPS, arXiv 2406.07831, section 3.2), over-relaxed (Boyd et al. 2011, section 3.4.3).
///
/// With the dual scaled by the penalty, U = V/ρ, and R H = R (H + ρ) − ρ R, a step is
///
///     W = R + ρ (D − U − R) (H + ρ)⁻¹,    P = U + αW + (1 − α)D,    D = the k largest entries of P,    U = P − D.
///
/// D and U are P on the support and off it, so that P alone is kept, in the memory of the result; rows go by themselves but for the
/// magnitude that the k largest end at. A step costs 2mn² operations, a change of ρ n³/3.
struct SupportSearch {
    /// H [n, n], of about unit diagonal, damped.
    let h: Matrix
    let settings: SolverSettings.Support

    /// D after so many steps, [m, n], with at most `count` non-zeros.
    ///
    /// - Parameter count: from 1 to mn.
    /// - Throws: `LinearAlgebraError` when H is not positive definite, as with NaN; `Cancelled`.
    func run(_ r: Matrix, count: Int, steps: Int, _ execution: ExecutionContext) throws -> Matrix {
        let (n, tiles) = (r.columns, RowTiles(rows: r.rows))
        var p = r
        try p.elements.withUnsafeMutableBufferPointer { p in
            try r.elements.withUnsafeBufferPointer { r in
                guard let p = p.baseAddress, let r = r.baseAddress else { return }
                var large = try LargestMagnitudes(count, of: p, columns: n, tiles, execution)
                var (factor, penalty): (CholeskyFactor?, Float) = (nil, .infinity)
                for step in 0..<steps {
                    let next = settings.penalty(ofStep: step, of: steps)
                    // V stays when ρ changes, U = V/ρ does not; before the first step it is 0.
                    let dualScale = penalty == .infinity ? 0 : penalty / next
                    if next != penalty {
                        factor = nil
                        factor = try CholeskyFactor(of: h.addingToDiagonal(next), execution)
                        penalty = next
                    }
                    guard let factor else { preconditionFailure("no penalty has a factor") }
                    let taken = Step(
                        factor: factor, penalty: next, relaxation: settings.relaxation, dualScale: dualScale, threshold: large.threshold)
                    try execution.uncheckedParallelFor(tiles.count) { index in
                        let (first, rows) = (tiles[index].lowerBound * n, tiles[index].count)
                        taken.take(p + first, r + first, rows: rows)
                    }
                    large = try LargestMagnitudes(count, of: p, columns: n, tiles, execution)
                }
                try large.keep(in: p, columns: n, tiles, execution)
            }
        }
        return p
    }

    /// One step for the rows of a tile.
    private struct Step {
        let factor: CholeskyFactor
        let penalty: Float
        let relaxation: Float
        /// What U is to be multiplied by before.
        let dualScale: Float
        /// Bits of the least magnitude of D.
        let threshold: UInt32

        /// p ← P of the next step for rows p, r [rows, n].
        func take(_ p: UnsafeMutablePointer<Float>, _ r: UnsafePointer<Float>, rows: Int) {
            let (count, threshold, dualScale) = (rows * factor.order, threshold, dualScale)
            let (share, rest) = (relaxation, 1 - relaxation)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { x in
                guard let x = x.baseAddress else { return }
                for i in 0..<count {
                    let value = LargestMagnitudes.isLarge(p[i], threshold) ? p[i] : -dualScale * p[i]
                    x[i] = penalty * (value - r[i])
                }
                factor.divide(rows: x, count: rows)
                for i in 0..<count {
                    let kept = LargestMagnitudes.isLarge(p[i], threshold) ? rest * p[i] : dualScale * p[i]
                    p[i] = kept + share * (r[i] + x[i])
                }
            }
        }
    }
}

extension Matrix {
    /// A + x·I of a square matrix.
    fileprivate func addingToDiagonal(_ x: Float) -> Matrix {
        var sum = self
        for i in 0..<rows { sum[i, i] += x }
        return sum
    }
}
