import Execution
import LinearAlgebra
import TestSupport
import XCTest

final class DecompositionTests: XCTestCase {
    func testSVDGivesTheMatrixBackForWideTallAndSquare() throws {
        for (rows, columns) in [(7, 12), (12, 7), (9, 9), (1, 5), (5, 1)] {
            let matrix = Matrix.random(rows, columns, seed: 1)
            let svd = try matrix.singularValueDecomposition()
            let triplets = SingularTriplets(u: svd.u, singularValues: svd.singularValues, vTransposed: svd.vTransposed)
            XCTAssertLessThan(triplets.product.relativeFrobeniusError(to: matrix), 1e-6, "\(rows) × \(columns)")
            XCTAssertEqual(svd.singularValues, svd.singularValues.sorted(by: >))
            let gram = svd.vTransposed.times(svd.vTransposed, otherAs: .transposed)
            XCTAssertLessThan(gram.relativeFrobeniusError(to: .identity(min(rows, columns))), 1e-5)
        }
    }

    func testThresholdingShrinksEachSingularValueAndDropsTheRest() throws {
        let matrix = Matrix.random(20, 15, seed: 2)
        let all = try matrix.singularValueDecomposition().singularValues
        let threshold = (all[4] + all[5]) / 2
        let triplets = try matrix.singularValueThresholded(by: threshold)
        XCTAssertEqual(triplets.rank, 5)
        for (shrunk, value) in zip(triplets.singularValues, all) { XCTAssertEqual(shrunk, value - threshold, accuracy: 1e-5) }
        XCTAssertEqual(try matrix.singularValueThresholded(by: all[0] * 2).rank, 0)
    }

    func testSymmetricEigenRebuildsTheMatrix() throws {
        let factor = Matrix.random(30, 30, seed: 3)
        let matrix = factor.times(factor, otherAs: .transposed)
        let eigen = try matrix.symmetricEigen()
        XCTAssertEqual(eigen.values, eigen.values.sorted())
        var scaled = eigen.vectorRows
        for k in 0..<30 { for j in 0..<30 { scaled[k, j] *= eigen.values[k] } }
        XCTAssertLessThan(eigen.vectorRows.times(scaled, .transposed).relativeFrobeniusError(to: matrix), 1e-5)
    }

    func testCholeskyOfTheInverseAndSolve() throws {
        let factor = Matrix.random(12, 40, seed: 4)
        let matrix = factor.times(factor, otherAs: .transposed)
        let r = try matrix.upperCholeskyOfInverse()
        XCTAssertEqual(r[5, 2], 0)
        XCTAssertLessThan(r.times(r, .transposed).times(matrix).relativeFrobeniusError(to: .identity(12)), 1e-3)
        XCTAssertThrowsError(try Matrix(rows: 2, columns: 2, elements: [1, 2, 2, 1]).upperCholeskyOfInverse())

        var system = matrix.elements
        var right = matrix.times(Matrix(rows: 12, columns: 1, elements: (0..<12).map(Float.init))).elements
        XCTAssertTrue(solvePositiveDefinite(&system, order: 12, &right, count: 1))
        for (index, value) in right.enumerated() { XCTAssertEqual(value, Float(index), accuracy: 1e-3) }
    }

    func testNaNIsAnErrorNotAnAnswer() {
        var matrix = Matrix.random(6, 6, seed: 5)
        matrix[2, 3] = .nan
        XCTAssertFalse(matrix.isFinite)
        XCTAssertThrowsError(try matrix.singularValueDecomposition())
    }

    func testEnergyIsTheTraceByOneProductAfterTheOther() throws {
        for (m, n) in [(1, 1), (70, 40), (40, 70), (300, 300)] {
            let a = Matrix.random(m, n, seed: 3)
            let root = Matrix.random(n, n, seed: 4)
            let h = root.times(root, otherAs: .transposed)
            let product = a.times(h)
            let expected = zip(a.elements, product.elements).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
            XCTAssertEqual(try a.energy(in: h, ExecutionContext(threads: 2)), expected, accuracy: 1e-5 * expected)
        }
    }
}
