import Execution
import LinearAlgebra

/// The best rank-r approximation of A in the metric of the layer's inputs, argmin tr((A − L) H (A − L)ᵀ): the truncated SVD of
/// A·C with H = C·Cᵀ, mapped back (SVD-LLM, Wang et al. 2024, section 3.2).
public struct LowRankSolver {
    private let whitening: InputWhitening

    /// - Throws: `LinearAlgebraError` when H has no eigendecomposition, as with NaN; `Cancelled`.
    public init(
        secondMoment h: Matrix, _ execution: ExecutionContext, _ settings: SolverSettings = .lowRankAndSparse
    ) throws {
        whitening = InputWhitening(try h.symmetricEigen(execution), settings.whitening)
    }

    /// The rank-`rank` approximation of A [m, n] as U [m, r] and V [r, n], balanced: about 2mn² operations for A·C, w·k² and those of an
    /// eigendecomposition of order k for its triplets, k the smaller and w the larger side.
    ///
    /// - Throws: `LinearAlgebraError` when the eigendecomposition does not converge; `Cancelled`.
    public func approximate(_ a: Matrix, rank: Int, _ execution: ExecutionContext) throws -> (u: Matrix, v: Matrix) {
        let triplets = try a.times(whitening.root, on: execution).leadingSingularTriplets(rank, execution)
        let roots = triplets.singularValues.map { $0.squareRoot() }
        let v = try triplets.vTransposed.scalingRows(by: roots).times(whitening.inverse, on: execution)
        return (triplets.u.scalingColumns(by: roots), v)
    }
}
