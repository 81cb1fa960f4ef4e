import Execution
import TestSupport
import XCTest

@testable import LinearAlgebra

/// Blocked factors and large orders: the definition, on matrices of one block and of several.
final class CholeskyFactorTests: XCTestCase {
    private func positiveDefinite(_ n: Int) -> Matrix {
        let a = Matrix.random(n, n, seed: 3)
        var h = Matrix(rows: n, columns: n, elements: a.times(a, .transposed).elements.map { $0 / Float(n) })
        for i in 0..<n { h[i, i] += 0.1 }
        return h
    }

    func testDividesAndGivesTheDiagonalOfTheInverse() throws {
        for n in [1, 7, 256, 257, 700] {
            let (h, execution) = (positiveDefinite(n), ExecutionContext(threads: 3))
            let factor = try CholeskyFactor(of: h, execution)
            let right = Matrix.random(5, n, seed: 4)
            var x = right
            x.elements.withUnsafeMutableBufferPointer { factor.divide(rows: $0.baseAddress!, count: 5) }
            XCTAssertLessThan(x.times(h).relativeFrobeniusError(to: right), 1e-4, "n=\(n)")
            var inverse = Matrix(zeros: n, n)
            for i in 0..<n { inverse[i, i] = 1 }
            inverse.elements.withUnsafeMutableBufferPointer { factor.divide(rows: $0.baseAddress!, count: n) }
            for (j, value) in try factor.inverseDiagonal(execution).enumerated() {
                XCTAssertEqual(value / inverse[j, j], 1, accuracy: 1e-3)
            }
        }
    }

    func testBitsDoNotDependOnThreads() throws {
        let h = positiveDefinite(900)
        let diagonals = try [1, 4].map { threads in
            let execution = ExecutionContext(threads: threads)
            return try CholeskyFactor(of: h, execution).inverseDiagonal(execution)
        }
        XCTAssertEqual(diagonals[0], diagonals[1])
    }

    func testWhatIsNotPositiveDefiniteIsRefused() {
        var h = positiveDefinite(600)
        h[550, 550] = -1
        XCTAssertThrowsError(try CholeskyFactor(of: h, ExecutionContext())) { XCTAssertTrue($0 is LinearAlgebraError) }
        h[550, 550] = .nan
        XCTAssertThrowsError(try CholeskyFactor(of: h, ExecutionContext()))
    }

    /// The order of the largest layers of a model of 405 billion parameters, and both sides of what 32 bits count.
    func testRoomForEigenvectorsOfAnyOrder() throws {
        XCTAssertEqual(EigenWorkspace(order: 53_248), EigenWorkspace(robustOfOrder: 53_248))
        XCTAssertEqual(EigenWorkspace(order: 32_767).driver, .robustRepresentations)
        let largest = EigenWorkspace(order: 32_766)
        XCTAssertEqual([Int(largest.floats), Int(largest.integers)], [1 + 6 * 32_766 + 2 * 32_766 * 32_766, 3 + 5 * 32_766])
        XCTAssertEqual(largest.driver, .divideAndConquer)
        let room = 1 + 4 * TridiagonalForm.largestOrder + TridiagonalForm.largestOrder * TridiagonalForm.largestOrder
        XCTAssertNotNil(Int32(exactly: room))
    }

    func testBothDriversFindTheEigenvectors() throws {
        let h = positiveDefinite(150)
        let expected = try h.symmetricEigen()
        let robust = try h.symmetricEigen(EigenWorkspace(robustOfOrder: 150))
        for (a, b) in zip(robust.values, expected.values) { XCTAssertEqual(a, b, accuracy: 1e-4) }
        let parallel = try h.symmetricEigen(ExecutionContext(threads: 3))
        for eigen in [robust, expected, parallel] {
            let product = eigen.vectorRows.times(eigen.vectorRows.scalingRows(by: eigen.values), .transposed)
            XCTAssertLessThan(product.relativeFrobeniusError(to: h), 1e-4)
        }
    }
}
