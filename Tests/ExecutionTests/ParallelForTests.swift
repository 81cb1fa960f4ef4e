import Execution
import Synchronization
import XCTest

final class ParallelForTests: XCTestCase {
    private struct Failure: Error, Equatable { let index: Int }

    func testEachIndexRunsOnceAndResultsKeepTheirOrder() throws {
        for threads in [1, 2, 7] {
            let execution = ExecutionContext(threads: threads)
            XCTAssertEqual(try execution.parallelMap(1000) { $0 * $0 }, (0..<1000).map { $0 * $0 })
            XCTAssertEqual(try execution.parallelMap(0) { $0 }, [])
        }
    }

    func testAnErrorStopsTheRestAndIsThrown() {
        let ran = Atomic<Int>(0)
        XCTAssertThrowsError(
            try ExecutionContext(threads: 3).parallelFor(100_000) { index in
                ran.wrappingAdd(1, ordering: .relaxed)
                if index == 5 { throw Failure(index: index) }
            }
        ) { XCTAssertEqual($0 as? Failure, Failure(index: 5)) }
        XCTAssertLessThan(ran.load(ordering: .relaxed), 100_000)
    }

    func testCancellationEndsTheWork() {
        let cancellation = Cancellation()
        let execution = ExecutionContext(threads: 2, cancellation: cancellation)
        XCTAssertThrowsError(try execution.parallelFor(100_000) { if $0 == 10 { cancellation.request() } }) {
            XCTAssertTrue($0 is Cancelled)
        }
    }
}
