import Execution
import LayerwiseCompression
import LinearAlgebra

/// Alternating thresholding: A ≈ L + S with L of rank r and S of k non-zeros (OATS, Zhang and Papyan 2024, arXiv 2409.13652,
/// algorithm 1).
///
/// From S = 0, each step: L ← the best approximation of A − S of rank r; S ← the largest entries of A − L, the same number in each
/// row. A step costs one symmetric eigendecomposition of order min(m, n) and one selection over mn entries.
struct OutlierAwareDecomposition {
    /// Rank of L; 0 leaves the sparse part alone.
    let rank: Int
    /// Non-zeros of S.
    let entries: Int
    /// Steps.
    let iterations: Int

    struct Parts {
        let lowRank: SingularTriplets
        let sparse: Matrix
    }

    /// - Throws: `LinearAlgebraError` when an eigendecomposition does not converge, `Cancelled`.
    func decompose(_ a: Matrix, _ cancellation: Cancellation) throws -> Parts {
        var sparse = Matrix(zeros: a.rows, a.columns)
        var lowRank = try sparse.leadingSingularTriplets(0)
        // Without one of the parts the other one's first step is final.
        for _ in 0..<(rank == 0 || entries == 0 ? 1 : iterations) {
            try cancellation.check()
            if rank > 0 { lowRank = try (a - sparse).leadingSingularTriplets(rank) }
            let rest = rank > 0 ? a - lowRank.product : a
            sparse = try rest.keepingLargest(entries, within: .row, ExecutionContext(threads: 1)) { row in
                rest.elements[row * rest.columns..<(row + 1) * rest.columns].map { abs($0) }
            }
        }
        return Parts(lowRank: lowRank, sparse: sparse)
    }
}
