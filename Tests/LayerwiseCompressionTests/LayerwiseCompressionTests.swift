import Conformance
import Execution
import Foundation
import LinearAlgebra
import ModelGraph
import Synchronization
import TestSupport
import Wanda
import XCTest

@testable import LayerwiseCompression
@testable import PassKit

final class LayerwiseCompressionTests: XCTestCase {
    /// Work on a layer with many inputs takes as many [in, in] matrices, whatever its outputs are.
    func testWideLayersAreWorkedOnByThemselves() throws {
        let graph = try SampleModel.graph(blocks: 1, hidden: 8, intermediate: 400)
        let execution = ExecutionContext(threads: 2, memory: WorkingMemory(byteLimit: 6 << 20))
        let context = PassContext(
            execution: execution, seed: 0, original: graph, calibration: try QuadraticCalibration(graph, sequences: 1))
        let run = try BudgetedPruning(
            graph, TensorSelection(PassOptions(given: [:])), ParameterBudget(keep: 0.5), pass: "sample", context)
        /// How many are worked on at once at most; those that are alone wait for another in vain.
        func most(_ names: [String]) throws -> Int {
            let state = Mutex((now: 0, most: 0))
            try run.forEach(run.tensors.indices.filter { index in names.contains { run.tensors[index].name.contains($0) } }) { _ in
                state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                for _ in 0..<100 where state.withLock({ $0.most }) < 2 { usleep(2000) }
                state.withLock { $0.now -= 1 }
            }
            return state.withLock { $0.most }
        }
        XCTAssertEqual(try most(["q_proj", "k_proj", "up_proj"]), 2)
        XCTAssertEqual(try most(["q_proj", "down_proj"]), 1)

        let wide = try XCTUnwrap(graph.tensors.filter { $0.role == .linear }.firstIndex { $0.name.contains("down_proj") })
        for (statistics, outer, inner) in [(CalibratedLayers.Statistics.secondMoment, 1, 2), (.norms, 2, 1)] {
            let layers = try CalibratedLayers(
                graph, TensorSelection(PassOptions(given: [:])), pass: "sample", context, statistics: statistics)
            let found = layers.sideBySide([0, wide])
            XCTAssertEqual(found.outer.threads, outer)
            XCTAssertEqual(found.threads, inner)
        }
    }

    func testEvenSharesAddUp() {
        for (total, length) in [(0, 3), (7, 3), (100, 7), (5, 11), (Int.max / 2, 10)] {
            let shares = EvenShares(of: total, over: length)
            let parts = (0..<length).map { shares[$0] }
            XCTAssertEqual(parts.reduce(0, +), total)
            XCTAssertTrue(parts.allSatisfy { $0 == total / length || $0 == total / length + 1 })
        }
    }

    /// OWL's spread, and a mean that holds where shares are cut off at 0 and 1 and blocks are of unequal size.
    func testShiftedSharesKeepTheBudget() {
        let plain = LayerRatios.shifted([0, 0.08, 0.16], sizes: [10, 10, 10], keep: 0.5)
        for (share, expected) in zip(plain, [0.42, 0.5, 0.58]) { XCTAssertEqual(share, expected, accuracy: 1e-9) }
        for keep in [0.0, 0.02, 0.5, 0.98, 1] {
            let sizes = [10, 400, 77]
            let shares = LayerRatios.shifted([0, 0.05, 0.16], sizes: sizes, keep: keep)
            let mean = zip(shares, sizes).reduce(0) { $0 + $1.0 * Double($1.1) } / 487
            XCTAssertEqual(mean, keep, accuracy: 1e-9)
            XCTAssertTrue(shares.allSatisfy { (0...1).contains($0) })
        }
    }

    /// A block with outliers keeps 2λ more than one without; together they keep the budget.
    func testOutliersGetMoreOfTheBudget() throws {
        let graph = try SampleModel.graph { name, rows, columns in
            var matrix = Matrix.random(rows, columns, seed: 4)
            if name.contains("layers.1") { for index in stride(from: 0, to: matrix.elements.count, by: 50) { matrix.elements[index] = 60 } }
            return matrix
        }
        let pipeline = "wanda{ratios=owl keep=0.4 lambda=0.1 outlier=7}"
        let report = try XCTUnwrap(
            PassConformance([WandaPass.self], pipeline: pipeline, needsCalibration: true).apply(to: graph).reports.first)
        for entry in report.tensors {
            let expected = entry.name.contains("layers.1") ? 0.5 : 0.3
            XCTAssertEqual(try XCTUnwrap(entry.measurement("density")), expected, accuracy: 0.002, entry.name)
        }
        let (kept, budget) = (try XCTUnwrap(report.measurement("parameters.kept")), try XCTUnwrap(report.measurement("budget")))
        XCTAssertLessThanOrEqual(kept, budget)
        XCTAssertGreaterThan(kept, budget - Double(report.tensors.count) - 1)
    }
}
