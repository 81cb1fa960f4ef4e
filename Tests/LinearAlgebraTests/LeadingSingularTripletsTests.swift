import Execution
import LinearAlgebra
import TestSupport
import XCTest

final class LeadingSingularTripletsTests: XCTestCase {
    func testAgreeWithTheFullDecomposition() throws {
        for (rows, columns) in [(60, 40), (40, 60), (30, 30)] {
            let a = Matrix.random(rows, columns, seed: 5)
            let full = try a.singularValueDecomposition()
            for (rank, isParallel) in [(1, false), (7, false), (100, false), (1, true), (7, true), (100, true)] {
                let leading = try isParallel ? a.leadingSingularTriplets(rank, ExecutionContext()) : a.leadingSingularTriplets(rank)
                XCTAssertEqual(leading.rank, min(rank, 40, rows, columns))
                for (ours, exact) in zip(leading.singularValues, full.singularValues) {
                    XCTAssertEqual(ours, exact, accuracy: 1e-4 * full.singularValues[0])
                }
                // The best approximation of that rank leaves exactly the energy of the other singular values.
                let rest = full.singularValues.dropFirst(rank).reduce(0.0) { $0 + Double($1) * Double($1) }
                XCTAssertEqual((a - leading.product).squaredFrobeniusNorm, rest, accuracy: 1e-4 * a.squaredFrobeniusNorm)
            }
        }
    }

    func testRankZeroAndZeroMatrix() throws {
        XCTAssertEqual(try Matrix.random(4, 3, seed: 1).leadingSingularTriplets(0).product.squaredFrobeniusNorm, 0)
        let zero = try Matrix(zeros: 3, 5).leadingSingularTriplets(2)
        XCTAssertTrue(zero.product.isFinite)
        XCTAssertEqual(zero.product.squaredFrobeniusNorm, 0)
    }
}
