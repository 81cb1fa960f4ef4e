import COpenBLAS

/// The eigendecomposition A = Qᵀ · diag(λ) · Q of a symmetric matrix [n, n].
public struct SymmetricEigen {
    /// Eigenvalues, ascending.
    public let values: [Float]
    /// Eigenvectors as rows, in the order of `values`, [n, n].
    public let vectorRows: Matrix
}

extension Matrix {
    /// All eigenvalues and eigenvectors of a symmetric matrix by divide and conquer (ssyevd); reads one triangle.
    ///
    /// The workspace is sized here: the query of LAPACKE_ssyevd returns it as a float, which is too coarse from n ≈ 2900.
    public func symmetricEigen() throws -> SymmetricEigen {
        precondition(rows == columns, "not square")
        let n = rows
        if n == 0 { return SymmetricEigen(values: [], vectorRows: self) }
        var vectors = elements
        var values = [Float](repeating: 0, count: n)
        var work = [Float](repeating: 0, count: 1 + 6 * n + 2 * n * n)
        var integerWork = [Int32](repeating: 0, count: 3 + 5 * n)
        let info = openBLAS.LAPACKE_ssyevd_work(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "L")), Int32(n), &vectors, Int32(n),
            &values, &work, Int32(work.count), &integerWork, Int32(integerWork.count))
        guard info == 0 else { throw LinearAlgebraError("ssyevd", info: Int(info), rows: n, columns: n) }
        return SymmetricEigen(values: values, vectorRows: Matrix(rows: n, columns: n, elements: vectors))
    }
}
