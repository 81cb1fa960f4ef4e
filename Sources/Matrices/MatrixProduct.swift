import CKernels

/// Whether a factor of a product enters as stored or transposed.
public enum Orientation: Sendable {
    case plain, transposed
}

/// What multiplies matrices: Caplet's own kernel, or a library that is faster where there is one.
public protocol MatrixProduct: Sendable {
    /// C ← alpha · op(A) · op(B) + beta · C on raw row-major storage.
    ///
    /// op(A) is [m, k], op(B) is [k, n], C is [m, n]; `lda`, `ldb`, `ldc` are the row strides in elements.
    func multiply(
        m: Int, n: Int, k: Int, alpha: Float,
        _ a: UnsafePointer<Float>, _ orientationA: Orientation, lda: Int,
        _ b: UnsafePointer<Float>, _ orientationB: Orientation, ldb: Int,
        beta: Float, into c: UnsafeMutablePointer<Float>, ldc: Int)

    /// Calls `body` for 0 ..< count, on as many threads as products have; `body` must write to places of its own only.
    func sideBySide(_ count: Int, _ body: (Int) -> Void)
}

extension MatrixProduct {
    public func sideBySide(_ count: Int, _ body: (Int) -> Void) {
        for index in 0..<count { body(index) }
    }
}

extension MatrixProduct {
    /// The same with alpha 1, and C overwritten unless `beta` says otherwise.
    public func callAsFunction(
        m: Int, n: Int, k: Int,
        _ a: UnsafePointer<Float>, _ orientationA: Orientation, lda: Int,
        _ b: UnsafePointer<Float>, _ orientationB: Orientation, ldb: Int,
        beta: Float = 0, into c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        multiply(m: m, n: n, k: k, alpha: 1, a, orientationA, lda: lda, b, orientationB, ldb: ldb, beta: beta, into: c, ldc: ldc)
    }

    /// A · B.
    public func callAsFunction(_ a: Matrix, _ b: Matrix) -> Matrix {
        precondition(a.columns == b.rows, "inner dimensions differ: \(a.columns) and \(b.rows)")
        if a.rows == 0 || b.columns == 0 || a.columns == 0 { return Matrix(zeros: a.rows, b.columns) }
        return Matrix(rows: a.rows, columns: b.columns) { out in
            a.elements.withUnsafeBufferPointer { left in
                b.elements.withUnsafeBufferPointer { right in
                    self(
                        m: a.rows, n: b.columns, k: a.columns, left.baseAddress!, .plain, lda: a.columns, right.baseAddress!, .plain,
                        ldb: b.columns, into: out.baseAddress!, ldc: b.columns)
                }
            }
        }
    }
}

/// Products by Caplet's own kernel: each element is one chain of fused multiply-adds, so that the bits are the same on every processor.
public struct PortableProduct: MatrixProduct {
    public init() {}

    public func multiply(
        m: Int, n: Int, k: Int, alpha: Float,
        _ a: UnsafePointer<Float>, _ orientationA: Orientation, lda: Int,
        _ b: UnsafePointer<Float>, _ orientationB: Orientation, ldb: Int,
        beta: Float, into c: UnsafeMutablePointer<Float>, ldc: Int
    ) {
        let (aRow, aColumn) = orientationA == .plain ? (lda, 1) : (1, lda)
        let (bRow, bColumn) = orientationB == .plain ? (ldb, 1) : (1, ldb)
        caplet_matrix_product(m, n, k, alpha, a, aRow, aColumn, b, bRow, bColumn, beta, c, ldc)
    }
}
