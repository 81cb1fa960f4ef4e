import Execution
import LinearAlgebra
import TestSupport
import XCTest

@testable import LayerwiseCompression

/// What makes the sparse solver fit for large layers: values by steps instead of factors, tiles, counted operations.
final class SparseSolverTests: XCTestCase {
    /// R [m, n] and H of inputs that go together, with some channels many times as strong as the others.
    private func layer(_ m: Int, _ n: Int, outliers: Float, seed: UInt64) -> (weight: Matrix, moment: Matrix) {
        var inputs = Matrix.random(3 * n, n, seed: seed)
        let mixing = Matrix.random(n, n, seed: seed + 1)
        inputs = inputs.times(Matrix(rows: n, columns: n, elements: mixing.elements.enumerated().map { $1 / Float(1 + ($0 / n) / 4) }))
        for row in 0..<inputs.rows { for column in stride(from: 5, to: n, by: 60) { inputs[row, column] *= outliers } }
        let sum = inputs.times(inputs, .transposed)
        return (
            Matrix.random(m, n, seed: seed + 2), Matrix(rows: n, columns: n, elements: sum.elements.map { $0 / Float(inputs.rows) })
        )
    }

    /// Within 0.5 % of the least squares row by row, on the same support, by NumPy's sums.
    func testStepsComeNearTheLeastSquares() throws {
        var steps = SolverSettings.lowRankAndSparse
        steps.values.usualSteps = 0
        for (outliers, keep) in [(Float(1), 0.5), (30, 0.5), (30, 0.1), (100, 0.8)] {
            let (w, h) = layer(150, 192, outliers: outliers, seed: 11)
            let (count, execution) = (Int(keep * Double(w.elements.count)), ExecutionContext())
            let ours = try SparseSolver(secondMoment: h, execution, steps).solve(w, count: count, execution)
            let exact = try SparseSolver(secondMoment: h, execution).solve(w, count: count, execution)
            let errors = try NumPy.result(
                of: NumPy.solvers + """
                    best = least_squares(w, h, ours != 0)
                    result = [energy(w - ours, damped(h)), energy(w - exact, damped(h)), energy(w - best, damped(h))]
                    """, ["w": w, "h": h, "ours": ours, "exact": exact])
            XCTAssertEqual(ours.elements.count { $0 != 0 }, count)
            XCTAssertLessThan(errors[0], 1.005 * errors[2], "outliers \(outliers), keep \(keep)")
            XCTAssertEqual(errors[1] / errors[2], 1, accuracy: 1e-4, "outliers \(outliers), keep \(keep)")
        }
    }

    func testBitsDoNotDependOnThreads() throws {
        let (w, h) = layer(300, 280, outliers: 20, seed: 5)
        var steps = SolverSettings.lowRankAndSparse
        steps.values.usualSteps = 1
        for settings in [SolverSettings.lowRankAndSparse, steps] {
            let results = try [1, 2, 5].map { threads in
                let execution = ExecutionContext(threads: threads)
                return try SparseSolver(secondMoment: h, execution, settings).solve(w, count: 30_000, execution).elements
            }
            XCTAssertEqual(results[0], results[1])
            XCTAssertEqual(results[0], results[2])
        }
    }

    /// The same entries as sorting finds, ties in row-major order.
    func testLargestMagnitudesAreThoseOfSorting() throws {
        let execution = ExecutionContext(threads: 2)
        var values = Matrix.random(300, 7, seed: 1).elements
        for index in stride(from: 0, to: values.count, by: 3) { values[index] = index % 2 == 0 ? 0.5 : -0.5 }
        for index in stride(from: 1, to: values.count, by: 11) { values[index] = 0 }
        let order = values.indices.sorted { (abs(values[$1]), $0) < (abs(values[$0]), $1) }
        let tiles = RowTiles(rows: 300)
        for count in [1, 10, 700, 1000, 1500, 2100] {
            var kept = values
            let statistic = try LargestMagnitudes(count, of: values, columns: 7, tiles, execution)
            XCTAssertEqual(Float(bitPattern: statistic.threshold), abs(values[order[count - 1]]))
            try kept.withUnsafeMutableBufferPointer { try statistic.keep(in: $0.baseAddress!, columns: 7, tiles, execution) }
            var expected = [Float](repeating: 0, count: values.count)
            for index in order.prefix(count) { expected[index] = values[index] }
            XCTAssertEqual(kept, expected, "count=\(count)")
        }
    }

    /// Sums by hand: 12 n³/3 of 10 penalties and the scales, 21 products with H, and 6 more or |Q|³/3.
    func testOperationsAreCounted() {
        let large = SparseSolver.operations(rows: 4096, columns: 11_008, entries: 4096 * 5504)
        let (m, n) = (4096.0, 11_008.0)
        XCTAssertEqual(large / (12 * n * n * n / 3 + 27 * 2 * m * n * n), 1, accuracy: 1e-9)
        // 60 steps of 4mn² and a factor of order 5504 for each row are ten times as much.
        XCTAssertLessThan(10 * large, 240 * m * n * n + m * 5504 * 5504 * 5504 / 3)
        let small = SparseSolver.operations(rows: 10, columns: 100, entries: 10 * 30)
        XCTAssertEqual(small, 12.0 * 1e6 / 3 + 10 * (21 * 2e4 + 9000), accuracy: 1)
    }

    func testWhatHasNoFactorIsRefused() {
        var h = Matrix(zeros: 3, 3)
        h[1, 2] = .nan
        XCTAssertThrowsError(try SparseSolver(secondMoment: h, ExecutionContext()))
    }

    /// Inputs that are always zero cost nothing and break nothing.
    func testInputsOfZero() throws {
        var (w, h) = layer(20, 64, outliers: 1, seed: 8)
        for j in 0..<64 { (h[3, j], h[j, 3]) = (0, 0) }
        let s = try SparseSolver(secondMoment: h, ExecutionContext()).solve(w, count: 640, ExecutionContext())
        XCTAssertTrue(s.isFinite)
        let zero = try SparseSolver(secondMoment: Matrix(zeros: 64, 64), ExecutionContext()).solve(w, count: 640, ExecutionContext())
        XCTAssertTrue(zero.isFinite)
        w.elements = [Float](repeating: 0, count: w.elements.count)
        let none = try SparseSolver(secondMoment: h, ExecutionContext()).solve(w, count: 640, ExecutionContext())
        XCTAssertEqual(none.elements, w.elements)
    }
}
