import Execution
import TestSupport
import XCTest

@testable import LinearAlgebra

/// Thresholding by the Gram matrix against thresholding by sgesdd, the simplest way there is.
final class ThresholdingTests: XCTestCase {
    private let execution = ExecutionContext(threads: 2)

    /// As the bulk of trained weights with some directions above it, all together `spike` times as large as the noise.
    private func weights(_ rows: Int, _ columns: Int, spike: Float, directions: Int = 3, seed: UInt64) -> Matrix {
        let noise = Matrix.random(rows, columns, seed: seed)
        let u = Matrix.random(rows, directions, seed: seed + 1)
        let v = Matrix.random(directions, columns, seed: seed + 2)
        let scale = spike * Float(noise.frobeniusNorm / u.times(v).frobeniusNorm)
        return noise + u.times(Matrix(rows: directions, columns: columns, elements: v.elements.map { $0 * scale }))
    }

    private func check(_ matrix: Matrix, threshold: Float, _ what: String) throws {
        let exact = try matrix.singularValueThresholded(by: threshold)
        let found = try matrix.thresholded(by: threshold, execution)
        // What is left may be far smaller than the matrix, whose singular values are rounded: that rounding is in the reference too.
        let all = try matrix.singularValueDecomposition().singularValues
        let scale = max(exact.product.frobeniusNorm, 0.1 * Double(all[0]))
        XCTAssertLessThan((found.product - exact.product).frobeniusNorm, 1e-5 * scale, what)
        let triplets = try found.triplets(execution)
        XCTAssertLessThan((triplets.product - found.product).frobeniusNorm, 1e-5 * scale, what)
        XCTAssertEqual(triplets.singularValues, triplets.singularValues.sorted(by: >), what)
        for (value, reference) in zip(triplets.singularValues, exact.singularValues) {
            XCTAssertEqual(value, reference, accuracy: 3e-6 * all[0], what)
        }
        for factors in [triplets.u.transposed, triplets.vTransposed] where triplets.rank > 0 {
            for row in 0..<factors.rows { XCTAssertEqual(factors.rows(row..<row + 1).frobeniusNorm, 1, accuracy: 1e-4, what) }
            var products = factors.times(factors, otherAs: .transposed)
            for i in 0..<products.rows { products[i, i] -= 1 }
            // Of a column with all others, on average. What is taken out before leaves its own rounding in the rest.
            let rounding = 0x1p-23 * Double(all[0] / threshold)
            XCTAssertLessThan(products.frobeniusNorm / Double(triplets.rank).squareRoot(), max(2e-4, 2 * rounding), what)
        }
    }

    func testIsWhatSgesddGivesForTallWideAndSquareMatrices() throws {
        for (rows, columns) in [(60, 60), (200, 90), (90, 200), (300, 290), (1, 30), (30, 1), (1, 1)] {
            let matrix = weights(rows, columns, spike: 0, seed: 1)
            let all = try matrix.singularValueDecomposition().singularValues
            for share in [0.02, 0.5, 0.98] {
                let threshold = all[Int(share * Double(all.count))] * 0.999
                try check(matrix, threshold: threshold, "\(rows) × \(columns), \(share) kept")
            }
        }
    }

    /// In the Gram matrix of such weights in float everything small drowns; see the test after this for what that would be.
    func testDirectionsFarAboveTheThresholdDoNotDrownTheOthers() throws {
        for spike: Float in [3, 100, 10_000] {
            for (rows, columns) in [(150, 150), (260, 120), (120, 260)] {
                let matrix = weights(rows, columns, spike: spike, seed: 5)
                let all = try matrix.singularValueDecomposition().singularValues
                try check(matrix, threshold: all[all.count * 9 / 10], "\(rows) × \(columns), spike \(spike)")
            }
        }
    }

    /// More of them than are looked for at first, about as large as each other.
    func testManyLargeDirectionsDoNotDrownTheOthersEither() throws {
        for directions in [9, 40] {
            let matrix = weights(300, 260, spike: 100, directions: directions, seed: 7)
            let all = try matrix.singularValueDecomposition().singularValues
            try check(matrix, threshold: all[all.count * 9 / 10], "\(directions) directions")
        }
    }

    func testLeadingTripletsAloneWouldDrownThem() throws {
        let matrix = weights(150, 150, spike: 10_000, seed: 5)
        let all = try matrix.singularValueDecomposition().singularValues
        let plain = try matrix.leadingSingularTriplets(150)
        XCTAssertGreaterThan(abs(plain.singularValues[140] - all[140]), 0.1 * all[140])
    }

    func testDoesNotDependOnTheNumberOfThreads() throws {
        // Larger than a tile of products and than the rows that reflections are applied to at a time.
        let matrix = weights(1100, 1040, spike: 5, seed: 9)
        let results = try [1, 2, 5].map { threads -> (Matrix, SingularTriplets) in
            let execution = ExecutionContext(threads: threads)
            let found = try matrix.thresholded(by: 4, execution)
            return (found.product, try found.triplets(execution))
        }
        for (product, triplets) in results.dropFirst() {
            XCTAssertEqual(product.elements, results[0].0.elements)
            XCTAssertEqual(triplets.u.elements, results[0].1.u.elements)
            XCTAssertEqual(triplets.vTransposed.elements, results[0].1.vTransposed.elements)
        }
        try check(matrix, threshold: 4, "1100 × 1040")
    }

    func testNothingIsLeftAboveTheLargestAndZerosStayZeros() throws {
        let matrix = weights(20, 30, spike: 2, seed: 3)
        let largest = try matrix.singularValueDecomposition().singularValues[0]
        let none = try matrix.thresholded(by: largest * 1.01, execution)
        XCTAssertEqual(none.product.squaredFrobeniusNorm, 0)
        XCTAssertEqual(try none.triplets(execution).rank, 0)
        XCTAssertEqual(try Matrix(zeros: 5, 4).thresholded(by: 1, execution).triplets(execution).rank, 0)
        XCTAssertEqual(try Matrix(zeros: 0, 4).thresholded(by: 1, execution).product.elements, [])
    }

    func testNaNIsAnErrorNotAnAnswer() {
        var matrix = Matrix.random(6, 6, seed: 5)
        matrix[2, 3] = .nan
        XCTAssertThrowsError(try matrix.thresholded(by: 0.1, execution))
    }

    /// At every place of sums in lanes of sixteen and groups of rows.
    func testOuterProductsAreAddedWhateverTheirShape() throws {
        for (rows, columns, rank) in [(1, 1, 1), (70, 15, 2), (130, 16, 3), (65, 37, 8), (64, 100, 11), (3, 33, 0)] {
            let start = Matrix.random(rows, columns, seed: 1)
            let (a, b) = (Matrix.random(rank, rows, seed: 2), Matrix.random(rank, columns, seed: 3))
            var found = start
            try found.addOuterProducts(a, b, scale: -0.5, execution)
            let product = a.times(b, .transposed)
            let expected = zip(start.elements, product.elements).map { $0 - 0.5 * $1 }
            for (value, reference) in zip(found.elements, expected) { XCTAssertEqual(value, reference, accuracy: 1e-5) }
        }
    }

    func testNormalProductsAreProductsFewOrMany() throws {
        for (rows, columns, count) in [(1030, 37, 1), (5, 64, 3), (513, 100, 16), (90, 40, 17)] {
            let (a, basis) = (Matrix.random(rows, columns, seed: 1), Matrix.random(count, columns, seed: 2))
            let (images, returned) = try a.normalProducts(of: basis, execution)
            let expected = basis.times(a, otherAs: .transposed)
            XCTAssertLessThan(images.relativeFrobeniusError(to: expected), 1e-6)
            XCTAssertLessThan(returned.relativeFrobeniusError(to: expected.times(a)), 1e-6)
            let alone = try a.normalProducts(of: basis, ExecutionContext(threads: 1))
            XCTAssertEqual(alone.returned.elements, returned.elements)
        }
    }

    func testMirrorsTheUpperTriangle() {
        for n in [1, 2, 63, 64, 65, 200] {
            let matrix = Matrix.random(n, n, seed: 1)
            var mirrored = matrix
            mirrored.mirror()
            for i in 0..<n { for j in 0..<n { XCTAssertEqual(mirrored[i, j], matrix[min(i, j), max(i, j)]) } }
        }
    }

    func testProductsInTilesAreProducts() throws {
        let a = Matrix.random(1030, 40, seed: 1)
        let b = Matrix.random(40, 1100, seed: 2)
        XCTAssertLessThan(try a.times(b, on: execution).relativeFrobeniusError(to: a.times(b)), 1e-6)
        XCTAssertLessThan(
            try a.transposed.times(b.transposed, .transposed, otherAs: .transposed, on: execution).relativeFrobeniusError(to: a.times(b)),
            1e-6)
    }

    /// More rows than a tile on the diagonal has, and more columns than one product.
    func testTilesOfSymmetricMatricesAreProducts() throws {
        for (rows, columns) in [(1700, 9), (600, 70), (5, 3)] {
            let a = Matrix.random(rows, columns, seed: 1)
            for (orientation, expected) in [(Orientation.plain, a.times(a, otherAs: .transposed)), (.transposed, a.times(a, .transposed))] {
                var gram = try a.gramUpperTriangle(orientation, execution)
                for row in 0..<gram.rows { XCTAssertTrue((0..<row).allSatisfy { gram[row, $0] == 0 }) }
                gram.mirror()
                XCTAssertLessThan(gram.relativeFrobeniusError(to: expected), 1e-6)
            }
            let s = a.times(a, otherAs: .transposed)
            let (x, v) = (Matrix.random(columns, rows, seed: 2), Matrix.random(columns, rows, seed: 3))
            let tiles = SymmetricTiles(order: rows, height: 256)
            var (updated, product) = (s, Matrix(zeros: columns, rows))
            let team = WorkerTeam(threads: 2)
            updated.elements.withUnsafeMutableBufferPointer {
                tiles.subtractProducts(
                    of: x.elements + v.elements + x.elements, shared: columns, from: $0.baseAddress!, stride: rows, team)
            }
            updated.mirror()
            XCTAssertLessThan(updated.relativeFrobeniusError(to: s - x.times(v, .transposed) - v.times(x, .transposed)), 1e-6)
            // What is below the diagonal is not looked at.
            var upper = s
            for row in 0..<rows { for column in 0..<row { upper[row, column] = .nan } }
            product.elements.withUnsafeMutableBufferPointer {
                tiles.multiply(
                    v.elements, count: columns, stride: rows, by: upper.elements, rowStride: rows, into: $0.baseAddress!, outStride: rows,
                    team)
            }
            XCTAssertLessThan(product.relativeFrobeniusError(to: v.times(s)), 1e-6)
        }
    }

    /// The simplest way to the same: f(T) by the eigenvectors of T.
    func testSharesByResolventsAreThoseByEigenvectors() throws {
        for (n, seed) in [(1, 1), (2, 2), (31, 3), (33, 4), (200, 5), (515, 6)] as [(Int, UInt64)] {
            let a = Matrix.random(n, n, seed: seed)
            let form = try TridiagonalForm(of: a.times(a, .transposed), execution)
            let all = try form.eigen(above: -1, execution)
            for quantile in [0.1, 0.5, 0.95] {
                let threshold = all.values[Int(quantile * Double(n))].squareRoot() * 1.01
                let scaled = Matrix(rows: n, columns: n) { out in
                    for (row, value) in all.values.enumerated() {
                        let share = max(0, 1 - threshold / max(value, 1e-9).squareRoot())
                        for column in 0..<n { out[row * n + column] = all.vectorRows[row, column] * share }
                    }
                }
                let expected = all.vectorRows.times(scaled, .transposed)
                var found = try form.thresholdingShares(threshold, execution)
                try form.reflections.conjugate(&found, execution)
                found.mirror()
                XCTAssertLessThan(
                    (found - expected).frobeniusNorm, 2e-6 * Double(n).squareRoot() * max(Double(all.values[n - 1] / all.values[n / 2]), 1),
                    "\(n), \(quantile)")
            }
        }
    }

    func testTridiagonalFormHasTheEigenvaluesOfTheMatrix() throws {
        for (n, seed) in [(1, 1), (2, 2), (3, 3), (40, 4), (130, 5), (600, 6), (900, 7)] as [(Int, UInt64)] {
            let a = Matrix.random(n, n, seed: seed)
            let symmetric = a + a.transposed
            let exact = try symmetric.symmetricEigen().values
            let form = try TridiagonalForm(of: symmetric, execution)
            let found = try form.eigen(above: .infinity, execution).values
            let scale = exact.map { abs($0) }.max() ?? 0
            for (value, reference) in zip(found, exact) { XCTAssertEqual(value, reference, accuracy: 4e-6 * scale, "\(n)") }
            let middle = (exact[n / 2] + exact[max(n / 2 - 1, 0)]) / 2
            if n > 1 { XCTAssertEqual(form.eigenvalueCount(above: middle), n - n / 2) }
        }
    }
}
