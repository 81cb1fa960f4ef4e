import Execution
import ModelGraph
import XCTest

@testable import PassKit

final class CostEstimateTests: XCTestCase {
    private let rates = MachineRates(operationsPerSecond: 1e11, bytesPerSecond: 1e10)

    private func cost(operations: Double, bytes: Double, parallelism: Int) -> PassCost {
        PassCost(operations: operations, bytesMoved: bytes, workingBytes: 100_000_000, resultBytes: 1_000_000_000, parallelism: parallelism)
    }

    func testTimeFallsWithThreadsAsFarAsThereAreMatrices() throws {
        let work = [(pass: "a", cost: Optional(cost(operations: 1e13, bytes: 1e12, parallelism: 2)))]
        let seconds = try [1, 2, 8].map { threads in
            try XCTUnwrap(CostEstimate(work, ExecutionContext(threads: threads), rates: rates).seconds)
        }
        XCTAssertEqual(seconds, [200, 100, 100])
    }

    func testMemoryIsThatOfTheLargestPassWithWhatResultsMayTake() throws {
        let one = cost(operations: 1, bytes: 1, parallelism: 4)
        let execution = ExecutionContext(threads: 2)
        let single = try XCTUnwrap(CostEstimate([("a", one)], execution, rates: rates).bytes)
        let double = try XCTUnwrap(CostEstimate([("a", one), ("b", one)], execution, rates: rates).bytes)
        XCTAssertEqual(double, single)
        XCTAssertGreaterThan(single, 200_000_000 + ResultStore.usualMemoryLimit)
        XCTAssertLessThan(single, 1_000_000_000)
    }

    func testNoShapeOrOptionOverflows() throws {
        var graph = TensorGraph()
        let bytes = DeferredBytes(byteCount: 1 << 60) { OwnedBytes([]) }
        for index in 0..<4 {
            try graph.append(
                Tensor(
                    name: "w\(index)", dense: DenseTensor(dtype: .f32, shape: Shape(rows: 1, columns: 1 << 58), bytes: bytes), role: .linear
                ))
        }
        let calibration = CalibrationCost(graph, sequences: .max, tokens: .max)
        XCTAssertGreaterThan(calibration.forward, 1e50)
        var sum = try TensorSelection(PassOptions(given: ["layers": "linear"])).cost(of: graph, pass: "a") { m, n in
            PassCost(operations: m * n * n, bytesMoved: m * n, workingBytes: 100 * m * n * n, resultBytes: 8 * m * n, parallelism: 1)
        }
        sum = calibration.ofLayerwise(sum, needsSecondMoments: true)
        let estimate = CostEstimate([("a", sum)], ExecutionContext(threads: 1024), rates: rates)
        XCTAssertEqual(estimate.stages.map(\.pass), ["a"])
        XCTAssertGreaterThanOrEqual(try XCTUnwrap(estimate.bytes), 1_000_000_000_000_000_000)
        XCTAssertGreaterThan(try XCTUnwrap(estimate.seconds), 1e30)
    }

    func testAPassThatDoesNotSayIsNamed() {
        let estimate = CostEstimate(
            [("a", cost(operations: 1, bytes: 1, parallelism: 1)), ("b", nil)], ExecutionContext(threads: 1), rates: rates)
        XCTAssertNil(estimate.seconds)
        XCTAssertEqual(estimate.unknown, ["b"])
    }
}
