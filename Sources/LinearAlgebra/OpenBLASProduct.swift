import COpenBLAS
import Execution
// Whoever computes with matrices has them.
@_exported import Matrices

extension Orientation {
    var cblas: CBLAS_TRANSPOSE { self == .plain ? CblasNoTrans : CblasTrans }
}

/// Products by OpenBLAS (cblas_sgemm), large ones in tiles of the result that run side by side. Tiles depend on the shape alone, so that what
/// comes out does not depend on how many threads make them.
public struct OpenBLASProduct: MatrixProduct {
    /// Not stopped half way: who asked for a product cannot be told that there is none.
    private let execution: ExecutionContext
    /// Most rows and columns of a tile.
    private static let tile = (rows: 128, columns: 256)
    /// Products of fewer operations are made at once.
    private static let leastOperations = 1 << 25

    /// - Parameter execution: whose threads share a product.
    public init(on execution: ExecutionContext = ExecutionContext(threads: 1)) { self.execution = execution.uncancelled }

    public func sideBySide(_ count: Int, _ body: (Int) -> Void) {
        // An error is a cancellation or the body's, and there is neither.
        do { try execution.uncheckedParallelFor(count) { body($0) } } catch { preconditionFailure("\(error)") }
    }

    public func multiply(
        m: Int, n: Int, k: Int, alpha: Float,
        _ a: UnsafePointer<Float>, _ orientationA: Orientation, lda: Int,
        _ b: UnsafePointer<Float>, _ orientationB: Orientation, ldb: Int,
        beta: Float, into c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        let (height, width) = (OpenBLASProduct.tile.rows, OpenBLASProduct.tile.columns)
        let (down, across) = ((m + height - 1) / height, (n + width - 1) / width)
        guard down * across > 1, 2 * m * n * k >= OpenBLASProduct.leastOperations else {
            return sgemm(orientationA, orientationB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
        }
        sideBySide(down * across) { index in
            let (i, j) = (index / across * height, index % across * width)
            sgemm(
                orientationA, orientationB, min(height, m - i), min(width, n - j), k, alpha, a + i * (orientationA == .plain ? lda : 1),
                lda,
                b + j * (orientationB == .plain ? 1 : ldb), ldb, beta, c + i * ldc + j, ldc)
        }
    }
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
    Operations.add(.product, 2 * m * n * k)
    openBLAS.cblas_sgemm(
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

/// OpenBLAS's and LAPACKE's functions, by their own names; loaded at the first use of any.
var openBLAS: caplet_openblas { caplet_openblas_functions().pointee }

/// How OpenBLAS runs in this process.
public enum LinearAlgebraRuntime {
    /// Keeps each BLAS and LAPACK call on the thread that makes it: parallelism is over matrices and sequences, so that
    /// results do not depend on the number of threads. OpenBLAS makes no threads of its own then. Call it once, before any other use
    /// and before there are other threads: it sets OPENBLAS_NUM_THREADS.
    public static func useOneThreadPerCall() { caplet_openblas_use_one_thread() }

    /// What is done when OpenBLAS or LAPACKE cannot be loaded; it is given the reason, and is not to return. Without it the process
    /// is aborted.
    public static func whenUnavailable(_ report: @convention(c) (UnsafePointer<CChar>) -> Void) { caplet_openblas_on_failure(report) }

    /// Why OpenBLAS or LAPACKE cannot be loaded, which a host finds out before the work that would end it; nil where they can.
    public static var problem: String? { caplet_openblas_problem().map { String(cString: $0) } }

    /// What the functions are of: "OpenBLAS", or "Accelerate" on Apple's systems.
    public static var name: String {
        #if canImport(Darwin)
            "Accelerate"
        #else
            "OpenBLAS"
        #endif
    }

    /// The version of OpenBLAS, such as "0.3.21"; of Accelerate the system's.
    public static var version: String {
        guard let text = openBLAS.openblas_get_config() else { return "unknown" }
        // "OpenBLAS 0.3.21 NO_AFFINITY …"
        let words = String(cString: text).split(separator: " ")
        return words.count > 1 ? String(words[1]) : "unknown"
    }

    /// The kernel set that OpenBLAS chose for this processor, such as "SkylakeX"; with Accelerate the processor.
    public static var coreName: String {
        guard let name = openBLAS.openblas_get_corename() else { return "unknown" }
        return String(cString: name)
    }
}
