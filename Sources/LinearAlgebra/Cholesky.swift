import COpenBLAS
import Execution

/// Solves A · X = B in place for a symmetric positive definite A of order `n` (sposv); A is overwritten by its factor.
///
/// - Parameters:
///   - a: n × n, one triangle of it read.
///   - b: `count` right-hand sides of n contiguous elements each; becomes X.
/// - Returns: whether A was positive definite; if not, `b` is left in an unspecified state.
public func solvePositiveDefinite(
    _ a: UnsafeMutablePointer<Float>, order n: Int, _ b: UnsafeMutablePointer<Float>, count: Int
) -> Bool {
    if n == 0 || count == 0 { return true }
    Operations.add(.factorisation, n * n * n / 3 + 2 * n * n * count)
    let info = openBLAS.LAPACKE_sposv_work(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), Int32(n), Int32(count), a, Int32(n), b, Int32(n))
    return info == 0
}

extension Matrix {
    /// The upper triangular R with A⁻¹ = Rᵀ · R for a symmetric positive definite A, without the inverse itself: backwards from the
    /// last row, A = R⁻¹ · R⁻ᵀ, so that with rows and columns in reverse order A = L · Lᵀ, and L⁻¹ in reverse order is R. 2n³/3 operations.
    ///
    /// - Throws: `LinearAlgebraError` when A is not positive definite; `Cancelled`.
    public func upperCholeskyOfInverse(_ execution: ExecutionContext = ExecutionContext(threads: 1)) throws -> Matrix {
        precondition(rows == columns, "not square")
        var reversed = self
        reversed.elements.reverse()
        var inverse = try CholeskyFactor(of: reversed, execution).inverse(execution)
        inverse.elements.reverse()
        return inverse
    }
}
