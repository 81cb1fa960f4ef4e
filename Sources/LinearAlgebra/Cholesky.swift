import COpenBLAS

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
    let info = openBLAS.LAPACKE_sposv_work(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), Int32(n), Int32(count), a, Int32(n), b, Int32(n))
    return info == 0
}

extension Matrix {
    /// The upper triangular R with A⁻¹ = Rᵀ · R for a symmetric positive definite A, without the inverse itself: backwards from the
    /// last row, A = R⁻¹ · R⁻ᵀ (spotrf of A with its rows and columns in reverse order, then strtri). About 2n³/3 operations.
    ///
    /// - Throws: `LinearAlgebraError` when A is not positive definite.
    public func upperCholeskyOfInverse() throws -> Matrix {
        precondition(rows == columns, "not square")
        let n = rows
        if n == 0 { return self }
        let order = Int32(n)
        // Column-major upper is row-major lower: A in reverse order = L · Lᵀ, and L⁻¹ in reverse order is R.
        let upper = CChar(UInt8(ascii: "U"))
        func run(_ routine: String, _ info: Int32) throws {
            guard info == 0 else { throw LinearAlgebraError(routine, info: Int(info), rows: n, columns: n) }
        }
        var a = elements
        a.reverse()
        try run("spotrf", openBLAS.LAPACKE_spotrf_work(LAPACK_COL_MAJOR, upper, order, &a, order))
        try run("strtri", openBLAS.LAPACKE_strtri_work(LAPACK_COL_MAJOR, upper, CChar(UInt8(ascii: "N")), order, &a, order))
        a.reverse()
        for row in 0..<n {
            for column in 0..<row { a[row * n + column] = 0 }
        }
        return Matrix(rows: n, columns: n, elements: a)
    }
}
