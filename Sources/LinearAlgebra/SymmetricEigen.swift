import COpenBLAS
import Execution

/// The eigendecomposition A = Qᵀ · diag(λ) · Q of a symmetric matrix [n, n].
public struct SymmetricEigen {
    /// Eigenvalues, ascending.
    public let values: [Float]
    /// Eigenvectors as rows, in the order of `values`, [n, n].
    public let vectorRows: Matrix
}

extension Matrix {
    /// All eigenvalues and eigenvectors of a symmetric matrix; reads one triangle. By divide and conquer (ssyevd) as far as its room can be counted
    /// in 32 bits, from there on by relatively robust representations (ssyevr).
    public func symmetricEigen() throws -> SymmetricEigen {
        precondition(rows == columns, "not square")
        if rows == 0 { return SymmetricEigen(values: [], vectorRows: self) }
        return try symmetricEigen(EigenWorkspace(order: rows))
    }

    /// The same on several threads but for divide and conquer, which is in double precision (`TridiagonalForm`); reads the upper triangle. It takes room
    /// for 4n² floats; where even that cannot be counted in 32 bits it is `symmetricEigen()`. Results do not depend on the number of threads.
    ///
    /// - Throws: `LinearAlgebraError`, as with NaN; `Cancelled`.
    public func symmetricEigen(_ execution: ExecutionContext) throws -> SymmetricEigen {
        guard rows <= TridiagonalForm.largestOrder else { return try symmetricEigen() }
        guard isFinite else { throw LinearAlgebraError("ssytrd", info: -4, rows: rows, columns: columns) }
        let eigen = try TridiagonalForm(of: self, execution).eigen(leading: rows, execution)
        return SymmetricEigen(values: eigen.values, vectorRows: eigen.vectorRows)
    }

    func symmetricEigen(_ workspace: EigenWorkspace) throws -> SymmetricEigen {
        let (n, order) = (rows, blasint(rows))
        let (vectorsToo, lower) = (CChar(UInt8(ascii: "V")), CChar(UInt8(ascii: "L")))
        var a = elements
        var values = [Float](repeating: 0, count: n)
        var work = [Float](repeating: 0, count: Int(workspace.floats))
        var integerWork = [Int32](repeating: 0, count: Int(workspace.integers))
        Operations.add(.factorisation, 9 * n * n * n)
        switch workspace.driver {
        case .divideAndConquer:
            let info = openBLAS.LAPACKE_ssyevd_work(
                LAPACK_COL_MAJOR, vectorsToo, lower, order, &a, order, &values, &work, workspace.floats, &integerWork, workspace.integers)
            guard info == 0 else { throw LinearAlgebraError("ssyevd", info: Int(info), rows: n, columns: n) }
            return SymmetricEigen(values: values, vectorRows: Matrix(rows: n, columns: n, elements: a))
        case .robustRepresentations:
            var vectors = [Float](repeating: 0, count: n * n)
            var (found, supports) = (blasint(0), [blasint](repeating: 0, count: 2 * n))
            let info = openBLAS.LAPACKE_ssyevr_work(
                LAPACK_COL_MAJOR, vectorsToo, CChar(UInt8(ascii: "A")), lower, order, &a, order, 0, 0, 0, 0, 0, &found, &values, &vectors,
                order, &supports, &work, workspace.floats, &integerWork, workspace.integers)
            guard info == 0, found == order else { throw LinearAlgebraError("ssyevr", info: Int(info), rows: n, columns: n) }
            return SymmetricEigen(values: values, vectorRows: Matrix(rows: n, columns: n, elements: vectors))
        }
    }
}

/// Which of LAPACK's drivers finds all eigenvectors, and the room that it is given.
///
/// Room is counted here: the queries return it as a float, too coarse from n ≈ 2900. LAPACK counts in 32 bits, which 2n² is too many for from
/// n = 32,767 on.
struct EigenWorkspace: Equatable {
    enum Driver { case divideAndConquer, robustRepresentations }

    var driver: Driver
    var floats: Int32
    var integers: Int32

    /// - Parameter n: order of the matrix, at most 2³¹/40.
    init(order n: Int) {
        // As the documentation of ssyevd has it, and of ssyevr with blocks of 34 columns.
        if let floats = Int32(exactly: 1 + 6 * n + 2 * n * n) {
            self.init(driver: .divideAndConquer, floats: floats, integers: Int32(3 + 5 * n))
        } else {
            self.init(robustOfOrder: n)
        }
    }

    init(robustOfOrder n: Int) {
        self.init(driver: .robustRepresentations, floats: Int32(40 * n), integers: Int32(10 * n))
    }

    private init(driver: Driver, floats: Int32, integers: Int32) {
        (self.driver, self.floats, self.integers) = (driver, floats, integers)
    }
}
