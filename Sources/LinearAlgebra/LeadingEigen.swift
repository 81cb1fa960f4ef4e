import COpenBLAS
import Execution

/// The eigenvalues of a symmetric matrix [n, n], and the eigenvectors of the larger ones.
struct LeadingEigen {
    /// All n, ascending.
    let values: [Float]
    /// Eigenvectors as rows, those of the last `vectorRows.rows` values, [r, n].
    let vectorRows: Matrix
}

extension Matrix {
    /// Eigenvalues of a symmetric matrix, and eigenvectors of those above `floor`; reads the upper triangle.
    ///
    /// Householder reflections to tridiagonal form (ssytrd, 4n³/3 operations, half of them bound by memory), divide and conquer on that
    /// (sstedc, at most about 4n³/3), then the reflections back onto the r vectors that are wanted, many at a time (2n²r).
    func leadingEigen(above floor: Float, _ execution: ExecutionContext) throws -> LeadingEigen {
        precondition(rows == columns, "not square")
        let n = rows
        if n == 0 { return LeadingEigen(values: [], vectorRows: self) }
        func check(_ routine: String, _ info: Int32) throws {
            guard info == 0 else { throw LinearAlgebraError(routine, info: Int(info), rows: n, columns: n) }
        }
        // Row-major upper is column-major lower.
        var reflectors = elements
        var diagonal = [Float](repeating: 0, count: n)
        var offDiagonal = [Float](repeating: 0, count: max(n - 1, 1))
        var scales = [Float](repeating: 0, count: max(n - 1, 1))
        var work = [Float](repeating: 0, count: max(64 * n, 1 + 4 * n + n * n))
        try check(
            "ssytrd",
            LAPACKE_ssytrd_work(
                LAPACK_COL_MAJOR, CChar(UInt8(ascii: "L")), Int32(n), &reflectors, Int32(n), &diagonal, &offDiagonal, &scales, &work,
                Int32(64 * n)))
        try execution.cancellation.check()
        var vectors = [Float](repeating: 0, count: n * n)
        var integerWork = [Int32](repeating: 0, count: 3 + 5 * n)
        try check(
            "sstedc",
            LAPACKE_sstedc_work(
                LAPACK_COL_MAJOR, CChar(UInt8(ascii: "I")), Int32(n), &diagonal, &offDiagonal, &vectors, Int32(n), &work,
                Int32(1 + 4 * n + n * n), &integerWork, Int32(integerWork.count)))
        try execution.cancellation.check()
        // Column-major columns are row-major rows.
        let wanted = diagonal.count { $0 > floor }
        var leading = Matrix(rows: wanted, columns: n, elements: Array(vectors[(n - wanted) * n..<n * n]))
        vectors = []
        try HouseholderBlocks(reflectors: reflectors, scales: scales, order: n).apply(toRowsOf: &leading, execution)
        return LeadingEigen(values: diagonal, vectorRows: leading)
    }
}
