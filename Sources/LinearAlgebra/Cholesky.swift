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
    let info = LAPACKE_sposv_work(
        LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), Int32(n), Int32(count), a, Int32(n), b, Int32(n))
    return info == 0
}

extension Matrix {
    /// The upper triangular R with A⁻¹ = Rᵀ · R for a symmetric positive definite A (spotrf, spotri, spotrf).
    ///
    /// - Throws: `LinearAlgebraError` when A is not positive definite.
    public func upperCholeskyOfInverse() throws -> Matrix {
        precondition(rows == columns, "not square")
        let n = rows
        if n == 0 { return self }
        var a = elements
        let order = Int32(n)
        let lower = CChar(UInt8(ascii: "L"))
        func run(_ routine: String, _ info: Int32) throws {
            guard info == 0 else { throw LinearAlgebraError(routine, info: Int(info), rows: n, columns: n) }
        }
        // Column-major lower is row-major upper: the result is read as R with rows contiguous.
        try run("spotrf", LAPACKE_spotrf_work(LAPACK_COL_MAJOR, lower, order, &a, order))
        try run("spotri", LAPACKE_spotri_work(LAPACK_COL_MAJOR, lower, order, &a, order))
        try run("spotrf", LAPACKE_spotrf_work(LAPACK_COL_MAJOR, lower, order, &a, order))
        for row in 0..<n {
            for column in 0..<row { a[row * n + column] = 0 }
        }
        return Matrix(rows: n, columns: n, elements: a)
    }
}
