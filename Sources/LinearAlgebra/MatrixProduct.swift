import COpenBLAS

/// Whether a factor of a product enters as stored or transposed.
public enum Orientation {
    case plain, transposed

    var cblas: CBLAS_TRANSPOSE { self == .plain ? CblasNoTrans : CblasTrans }
}

/// C ← alpha · op(A) · op(B) + beta · C on raw row-major storage (cblas_sgemm).
///
/// op(A) is [m, k], op(B) is [k, n], C is [m, n]; `lda`, `ldb`, `ldc` are the row strides in elements.
@inlinable
public func multiply(
    m: Int, n: Int, k: Int, alpha: Float = 1,
    _ a: UnsafePointer<Float>, _ orientationA: Orientation, lda: Int,
    _ b: UnsafePointer<Float>, _ orientationB: Orientation, ldb: Int,
    beta: Float = 0, into c: UnsafeMutablePointer<Float>, ldc: Int
) {
    sgemm(orientationA, orientationB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
}

@usableFromInline
func sgemm(
    _ orientationA: Orientation, _ orientationB: Orientation, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
) {
    cblas_sgemm(
        CblasRowMajor, orientationA.cblas, orientationB.cblas, blasint(m), blasint(n), blasint(k), alpha,
        a, blasint(max(1, lda)), b, blasint(max(1, ldb)), beta, c, blasint(max(1, ldc)))
}

extension Matrix {
    /// op(self) · op(other).
    public func times(
        _ other: Matrix, _ orientation: Orientation = .plain, otherAs otherOrientation: Orientation = .plain
    ) -> Matrix {
        let (m, k) = orientation == .plain ? (rows, columns) : (columns, rows)
        let (k2, n) = otherOrientation == .plain ? (other.rows, other.columns) : (other.columns, other.rows)
        precondition(k == k2, "inner dimensions differ: \(k) and \(k2)")
        if m == 0 || n == 0 || k == 0 { return Matrix(zeros: m, n) }
        return Matrix(rows: m, columns: n) { out in
            elements.withUnsafeBufferPointer { a in
                other.elements.withUnsafeBufferPointer { b in
                    sgemm(
                        orientation, otherOrientation, m, n, k, 1, a.baseAddress!, columns, b.baseAddress!,
                        other.columns, 0, out.baseAddress!, n)
                }
            }
        }
    }
}

/// How OpenBLAS runs in this process.
public enum LinearAlgebraRuntime {
    /// Keeps each BLAS and LAPACK call on the thread that makes it: parallelism is over matrices and sequences, so that
    /// results do not depend on the number of threads. OpenBLAS's own threads end. Call it once, before any other use.
    public static func useOneThreadPerCall() { caplet_openblas_use_one_thread() }

    /// The version of OpenBLAS, such as "0.3.21".
    public static var version: String {
        guard let text = openblas_get_config() else { return "unknown" }
        // "OpenBLAS 0.3.21 NO_AFFINITY …"
        let words = String(cString: text).split(separator: " ")
        return words.count > 1 ? String(words[1]) : "unknown"
    }

    /// The kernel set that OpenBLAS chose for this processor, such as "SkylakeX".
    public static var coreName: String {
        guard let name = openblas_get_corename() else { return "unknown" }
        return String(cString: name)
    }
}
