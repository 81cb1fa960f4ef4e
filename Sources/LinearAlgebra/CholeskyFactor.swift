import COpenBLAS
import Execution

/// The Cholesky factor L of a symmetric positive definite matrix A = L·Lᵀ [n, n], made in blocks (Golub and Van Loan, Matrix Computations, 4.2.9).
///
/// Blocks depend on the order alone, so that results do not depend on how many threads work on them.
public struct CholeskyFactor: Sendable {
    /// L in the lower triangle, [n, n]; what is above is left of A.
    private let factor: Matrix

    public var order: Int { factor.rows }

    /// Columns that are factorised by one thread.
    private static let width = 256
    /// Most rows and columns of a tile that one thread changes.
    private static let (height, widest) = (256, 1024)

    /// n³/3 operations. Reads the lower triangle.
    ///
    /// - Parameter matrix: [n, n]; its memory is worked in when no one else holds it.
    /// - Throws: `LinearAlgebraError` when A is not positive definite, as with NaN; `Cancelled`.
    public init(of matrix: consuming Matrix, _ execution: ExecutionContext) throws {
        precondition(matrix.rows == matrix.columns, "not square")
        let n = matrix.rows
        // spotrf would hand NaN on.
        guard matrix.isFinite else { throw LinearAlgebraError("spotrf", info: -4, rows: n, columns: n) }
        var elements = matrix.takeElements()
        try elements.withUnsafeMutableBufferPointer { elements in
            guard let a = elements.baseAddress else { return }
            for first in stride(from: 0, to: n, by: Self.width) {
                try Self.factorize(a, order: n, first..<min(first + Self.width, n), execution)
            }
        }
        factor = Matrix(rows: n, columns: n, elements: elements)
    }

    /// Some columns to those of L, and what is right of them to what is left of A.
    private static func factorize(
        _ a: UnsafeMutablePointer<Float>, order n: Int, _ panel: Range<Int>, _ execution: ExecutionContext
    ) throws {
        let (first, count) = (panel.lowerBound, panel.count)
        let corner = a + first * (n + 1)
        // Column-major upper is row-major lower.
        Operations.add(.factorisation, count * count * count / 3)
        let info = openBLAS.LAPACKE_spotrf_work(LAPACK_COL_MAJOR, CChar(UInt8(ascii: "U")), blasint(count), corner, blasint(n))
        guard info == 0 else { throw LinearAlgebraError("spotrf", info: Int(info) + first, rows: n, columns: n) }
        let below = stride(from: panel.upperBound, to: n, by: height).map { $0..<min($0 + height, n) }
        try execution.uncheckedParallelFor(below.count) { index in
            Operations.add(.factorisation, below[index].count * count * count)
            openBLAS.cblas_strsm(
                CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, blasint(below[index].count), blasint(count), 1, corner,
                blasint(n), a + below[index].lowerBound * n + first, blasint(n))
        }
        // The lower triangle less L·Lᵀ of these columns, large tiles first.
        let tiles = below.reversed().flatMap { rows in
            stride(from: panel.upperBound, to: rows.lowerBound, by: widest).map { (rows, $0..<min($0 + widest, rows.lowerBound)) }
        }
        try execution.uncheckedParallelFor(tiles.count + below.count) { index in
            guard index < tiles.count else {
                let rows = below[index - tiles.count]
                Operations.add(.product, rows.count * rows.count * count)
                openBLAS.cblas_ssyrk(
                    CblasRowMajor, CblasLower, CblasNoTrans, blasint(rows.count), blasint(count), -1, a + rows.lowerBound * n + first,
                    blasint(n), 1, a + rows.lowerBound * (n + 1), blasint(n))
                return
            }
            let (rows, columns) = tiles[index]
            sgemm(
                .plain, .transposed, rows.count, columns.count, count, -1, a + rows.lowerBound * n + first, n,
                a + columns.lowerBound * n + first, n, 1, a + rows.lowerBound * n + columns.lowerBound, n)
        }
    }

    /// x ← x·A⁻¹ = x·L⁻ᵀ·L⁻¹ for rows x [count, n], on the thread that calls. 2n² operations a row.
    public func divide(rows x: UnsafeMutablePointer<Float>, count: Int) {
        let n = blasint(order)
        if n == 0 || count == 0 { return }
        Operations.add(.factorisation, 2 * count * order * order)
        factor.elements.withUnsafeBufferPointer { l in
            for orientation in [CblasTrans, CblasNoTrans] {
                openBLAS.cblas_strsm(
                    CblasRowMajor, CblasRight, CblasLower, orientation, CblasNonUnit, blasint(count), n, 1, l.baseAddress!, n, x, n)
            }
        }
    }

    /// L⁻¹ in the lower triangle, zeros above. n³/3 operations.
    public func inverse(_ execution: ExecutionContext) throws -> Matrix {
        let n = order
        var inverse = Matrix(zeros: n, n)
        try inverse.elements.withUnsafeMutableBufferPointer { out in
            guard let out = out.baseAddress else { return }
            let tiles = stride(from: 0, to: n, by: Self.height).map { $0..<min($0 + Self.height, n) }
            // Rows X with X·L = those of I: of the last rows there is most to do, so they come first.
            try execution.uncheckedParallelFor(tiles.count) { index in
                let rows = tiles[tiles.count - 1 - index]
                for row in rows { out[row * (n + 1)] = 1 }
                Operations.add(.factorisation, rows.count * rows.upperBound * rows.upperBound)
                factor.elements.withUnsafeBufferPointer { l in
                    openBLAS.cblas_strsm(
                        CblasRowMajor, CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, blasint(rows.count), blasint(rows.upperBound), 1,
                        l.baseAddress!, blasint(n), out + rows.lowerBound * n, blasint(n))
                }
            }
        }
        return inverse
    }

    /// The diagonal of A⁻¹, n of it: the squared norms of the rows of L⁻ᵀ. n³/3 operations.
    public func inverseDiagonal(_ execution: ExecutionContext) throws -> [Float] {
        let n = order
        let tiles = stride(from: 0, to: n, by: Self.height).map { $0..<min($0 + Self.height, n) }
        let diagonals = try execution.parallelMap(tiles.count) { index -> [Float] in
            // Row j of L⁻ᵀ begins at place j, and needs of L what is from there on.
            let (first, rows) = (tiles[index].lowerBound, tiles[index].count)
            var x = Matrix(zeros: rows, n - first)
            for i in 0..<rows { x[i, i] = 1 }
            factor.elements.withUnsafeBufferPointer { l in
                x.elements.withUnsafeMutableBufferPointer { x in
                    openBLAS.cblas_strsm(
                        CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, blasint(rows), blasint(n - first), 1,
                        l.baseAddress! + first * (n + 1), blasint(n), x.baseAddress!, blasint(n - first))
                }
            }
            return x.rowNorms.map { $0 * $0 }
        }
        return diagonals.flatMap { $0 }
    }
}
