import COpenBLAS
import Execution

/// The thin singular value decomposition A = U · diag(σ) · Vᵀ of a matrix [m, n], k = min(m, n).
public struct SingularValueDecomposition {
    /// Left singular vectors, [m, k].
    public let u: Matrix
    /// Singular values, descending, k of them.
    public let singularValues: [Float]
    /// Right singular vectors as rows, [k, n].
    public let vTransposed: Matrix
}

extension Matrix {
    /// The thin SVD by LAPACK's divide and conquer (sgesdd).
    ///
    /// - Throws: `LinearAlgebraError` when the iteration does not converge, as it never does on NaN.
    public func singularValueDecomposition() throws -> SingularValueDecomposition {
        let k = min(rows, columns)
        if k == 0 {
            return SingularValueDecomposition(u: Matrix(zeros: rows, 0), singularValues: [], vTransposed: Matrix(zeros: 0, columns))
        }
        // Row-major A is column-major Aᵀ = V Σ Uᵀ, so LAPACK's first factor is ours last, and no copy is transposed.
        var work = elements
        var sigma = [Float](repeating: 0, count: k)
        var vt = [Float](repeating: 0, count: k * columns)
        var u = [Float](repeating: 0, count: rows * k)
        Operations.add(.factorisation, 4 * max(rows, columns) * k * k + 9 * k * k * k)
        let info = openBLAS.LAPACKE_sgesdd(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "S")), Int32(columns), Int32(rows), &work, Int32(columns),
            &sigma, &vt, Int32(columns), &u, Int32(k))
        guard info == 0 else { throw LinearAlgebraError("sgesdd", info: Int(info), rows: rows, columns: columns) }
        return SingularValueDecomposition(
            u: Matrix(rows: rows, columns: k, elements: u), singularValues: sigma,
            vTransposed: Matrix(rows: k, columns: columns, elements: vt))
    }
}
