import LinearAlgebra
import Matrices
import XCTest

/// Caplet's own product beside sums in double precision, and beside OpenBLAS's.
final class PortableProductTests: XCTestCase {
    private func random(_ count: Int, stream: UInt64) -> [Float] {
        let generator = CounterGenerator(seed: 7, stream: stream)
        return (0..<count).map { 2 * generator.uniform(UInt64($0)) - 1 }
    }

    func testProductsOfAllOrientationsAreTheSums() {
        // Sizes around the kernel's tiles: 4 rows, 32 columns, 256 terms.
        for (m, n, k) in [(1, 1, 1), (3, 33, 5), (4, 32, 256), (5, 31, 257), (17, 70, 600), (2, 5, 0)] {
            for a in [Orientation.plain, .transposed] {
                for b in [Orientation.plain, .transposed] {
                    for (alpha, beta) in [(Float(1), Float(0)), (0.5, 1), (-2, 0.25)] { check(m, n, k, a, b, alpha, beta) }
                }
            }
        }
    }

    private func check(_ m: Int, _ n: Int, _ k: Int, _ a: Orientation, _ b: Orientation, _ alpha: Float, _ beta: Float) {
        // Rows are longer than they need to be, and what follows them is not touched.
        let (lda, ldb, ldc) = ((a == .plain ? k : m) + 3, (b == .plain ? n : k) + 1, n + 2)
        let left = random((a == .plain ? m : k) * lda, stream: 1)
        let right = random((b == .plain ? k : n) * ldb, stream: 2)
        let before = random(m * ldc, stream: 3)
        var found = before
        PortableProduct().multiply(
            m: m, n: n, k: k, alpha: alpha, left, a, lda: lda, right, b, ldb: ldb, beta: beta, into: &found, ldc: ldc)
        for i in 0..<m {
            for j in 0..<ldc {
                guard j < n else {
                    XCTAssertEqual(found[i * ldc + j], before[i * ldc + j])
                    continue
                }
                var sum = Double(beta) * Double(before[i * ldc + j])
                var size = abs(sum)
                for p in 0..<k {
                    let x = a == .plain ? left[i * lda + p] : left[p * lda + i]
                    let y = b == .plain ? right[p * ldb + j] : right[j * ldb + p]
                    sum += Double(alpha) * Double(x) * Double(y)
                    size += abs(Double(alpha) * Double(x) * Double(y))
                }
                // As much as roundings of every term can make (Higham 2002, equation 3.5).
                let bound = Double(k + 3) * 0x1p-24 * size
                XCTAssertEqual(Double(found[i * ldc + j]), sum, accuracy: bound, "[\(m), \(n), \(k)] \(a) \(b) at \(i), \(j)")
            }
        }
    }

    func testWhatIsOverwrittenIsNotRead() {
        var found = [Float](repeating: .nan, count: 4)
        PortableProduct()(m: 2, n: 2, k: 1, [1, 2], .plain, lda: 1, [3, 4], .plain, ldb: 2, into: &found, ldc: 2)
        XCTAssertEqual(found, [3, 4, 6, 8])
    }

    /// An element is one chain of sums: the same whatever rows and columns are beside it.
    func testElementsDoNotDependOnWhatIsBesideThem() {
        let (m, n, k) = (9, 45, 300)
        let (a, b) = (random(m * k, stream: 4), random(k * n, stream: 5))
        var whole = [Float](repeating: 0, count: m * n)
        PortableProduct()(m: m, n: n, k: k, a, .plain, lda: k, b, .plain, ldb: n, into: &whole, ldc: n)
        for (i, j) in [(0, 0), (4, 33), (8, 44)] {
            var one: Float = 0
            let column = (0..<k).map { b[$0 * n + j] }
            PortableProduct()(m: 1, n: 1, k: k, Array(a[i * k..<(i + 1) * k]), .plain, lda: k, column, .plain, ldb: 1, into: &one, ldc: 1)
            XCTAssertEqual(one.bitPattern, whole[i * n + j].bitPattern)
        }
    }

    func testMatricesMultiplyAsOpenBLASDoes() {
        let (a, b) = (
            Matrix(rows: 20, columns: 30, elements: random(600, stream: 6)), Matrix(rows: 30, columns: 25, elements: random(750, stream: 7))
        )
        XCTAssertLessThan(PortableProduct()(a, b).relativeFrobeniusError(to: OpenBLASProduct()(a, b)), 1e-6)
        XCTAssertEqual(PortableProduct()(Matrix(zeros: 2, 0), Matrix(zeros: 0, 3)).elements, [Float](repeating: 0, count: 6))
    }
}
