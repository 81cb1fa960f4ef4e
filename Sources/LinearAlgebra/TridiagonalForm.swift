import COpenBLAS
import Execution

/// A symmetric matrix [n, n] as Q·T·Qᵀ with T tridiagonal and Q a product of reflections (Golub and Van Loan, Matrix Computations, 8.3).
struct TridiagonalForm {
    /// n of them.
    let diagonal: [Float]
    /// n − 1 of them.
    let offDiagonal: [Float]
    let reflections: HouseholderBlocks

    var order: Int { diagonal.count }

    /// Of the matrices whose eigenvectors can be had: LAPACK counts dstedc's room, 1 + 4n + n², in 32 bits.
    static let largestOrder = 46_338

    /// 4n³/3 operations; see `TridiagonalReduction`. Reads the upper triangle.
    init(of symmetric: consuming Matrix, _ execution: ExecutionContext) throws {
        precondition(symmetric.rows == symmetric.columns, "not square")
        let reduction = try TridiagonalReduction(of: symmetric, execution)
        (diagonal, offDiagonal) = (reduction.diagonal, reduction.offDiagonal)
        reflections = HouseholderBlocks(reflectors: reduction.reflectors, scales: reduction.scales, order: diagonal.count)
    }

    /// No eigenvalue is larger (Gershgorin).
    var largestPossibleEigenvalue: Float {
        diagonal.indices.map { i in
            diagonal[i] + (i > 0 ? abs(offDiagonal[i - 1]) : 0) + (i < offDiagonal.count ? abs(offDiagonal[i]) : 0)
        }.max() ?? 0
    }

    /// The largest eigenvalue, up to 2 % too large.
    var largestEigenvalue: Float {
        var (low, high) = (diagonal.max() ?? 0, largestPossibleEigenvalue)
        guard high.isFinite, low > 0 else { return high }
        while high > 1.02 * low {
            let middle = (low * high).squareRoot()
            guard middle.isFinite, low < middle, middle < high else { break }
            if eigenvalueCount(above: middle) > 0 { low = middle } else { high = middle }
        }
        return high
    }

    /// How many eigenvalues are above `floor`: the signs of the pivots of T − floor·I (Sturm's sequence).
    func eigenvalueCount(above floor: Float) -> Int {
        var (count, pivot) = (0, 1.0)
        for i in diagonal.indices {
            let coupling = i > 0 ? Double(offDiagonal[i - 1]) : 0
            pivot = Double(diagonal[i]) - Double(floor) - coupling * coupling / pivot
            // A zero would make the next one infinite; either sign is right to rounding.
            if pivot == 0 { pivot = -Double.leastNormalMagnitude.squareRoot() }
            if pivot > 0 { count += 1 }
        }
        return count
    }

    /// The eigenvalues, and eigenvectors of those above `floor`: divide and conquer on T in double precision (dstedc, at most about 4n³/3
    /// operations), then the reflections back onto the r vectors that are wanted (2n²r).
    ///
    /// - Throws: `LinearAlgebraError` when it does not converge, or beyond `largestOrder`; `Cancelled`.
    ///
    /// In single precision divide and conquer would be off by more than all that leads to T: by 2⁻²³ of the largest eigenvalue in each one.
    func eigen(above floor: Float, _ execution: ExecutionContext) throws -> LeadingEigen {
        try eigen(execution) { values in values.count { $0 > Double(floor) } }
    }

    /// The same, of so many of the largest eigenvalues.
    func eigen(leading count: Int, _ execution: ExecutionContext) throws -> LeadingEigen { try eigen(execution) { _ in count } }

    private func eigen(_ execution: ExecutionContext, wanted: (_ ascending: [Double]) -> Int) throws -> LeadingEigen {
        let n = order
        if n == 0 { return LeadingEigen(values: [], vectorRows: Matrix(zeros: 0, 0)) }
        var (values, offDiagonal) = (diagonal.map(Double.init), (offDiagonal + [0]).map(Double.init))
        guard n <= Self.largestOrder else { throw LinearAlgebraError("dstedc", info: -9, rows: n, columns: n) }
        let room = Int32(1 + 4 * n + n * n)
        var vectors = [Double](repeating: 0, count: n * n)
        var work = [Double](repeating: 0, count: Int(room))
        var integerWork = [Int32](repeating: 0, count: 3 + 5 * n)
        Operations.add(.factorisation, 3 * n * n * n)
        let info = openBLAS.LAPACKE_dstedc_work(
            LAPACK_COL_MAJOR, CChar(UInt8(ascii: "I")), Int32(n), &values, &offDiagonal, &vectors, Int32(n), &work, room,
            &integerWork, Int32(integerWork.count))
        guard info == 0 else { throw LinearAlgebraError("dstedc", info: Int(info), rows: n, columns: n) }
        try execution.cancellation.check()
        // Column-major columns are row-major rows.
        let wanted = wanted(values)
        var leading = Matrix(rows: wanted, columns: n, elements: vectors[(n - wanted) * n..<n * n].map(Float.init))
        vectors = []
        try reflections.apply(toRowsOf: &leading, execution)
        return LeadingEigen(values: values.map(Float.init), vectorRows: leading)
    }
}

/// The eigenvalues of a symmetric matrix [n, n], and the eigenvectors of the larger ones.
struct LeadingEigen {
    /// All n, ascending.
    let values: [Float]
    /// Eigenvectors as rows, those of the last `vectorRows.rows` values, [r, n].
    let vectorRows: Matrix
}
