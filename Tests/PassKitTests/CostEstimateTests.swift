import Execution
import PassKit
import XCTest

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

    func testAPassThatDoesNotSayIsNamed() {
        let estimate = CostEstimate(
            [("a", cost(operations: 1, bytes: 1, parallelism: 1)), ("b", nil)], ExecutionContext(threads: 1), rates: rates)
        XCTAssertNil(estimate.seconds)
        XCTAssertEqual(estimate.unknown, ["b"])
    }
}
