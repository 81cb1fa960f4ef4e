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

    /// Loops within loops share the threads, and each has all its results when it returns.
    func testLoopsWithinLoops() throws {
        let execution = ExecutionContext(threads: 4)
        for _ in 0..<50 {
            let sums = try execution.with(threads: 2).parallelMap(20) { outer in
                try execution.with(threads: 3).parallelMap(30) { $0 * outer }.reduce(0, +)
            }
            XCTAssertEqual(sums, (0..<20).map { $0 * 435 })
        }
    }

    /// Contexts come and go with their threads, whoever is the last to hold one.
    func testManyContexts() throws {
        let count = Atomic<Int>(0)
        for _ in 0..<200 {
            try ExecutionContext(threads: 3).parallelFor(3) { _ in
                try ExecutionContext(threads: 2).parallelFor(2) { _ in count.wrappingAdd(1, ordering: .relaxed) }
            }
        }
        XCTAssertEqual(count.load(ordering: .relaxed), 1200)
    }

    /// A flag of the caller's own stops the work as a request does.
    func testCancellationByAnotherFlag() {
        let isRaised = Flag()
        let execution = ExecutionContext(threads: 2, cancellation: Cancellation(orWhen: { isRaised.value.load(ordering: .relaxed) }))
        XCTAssertThrowsError(
            try execution.parallelFor(100_000) { if $0 == 10 { isRaised.value.store(true, ordering: .relaxed) } }
        ) { XCTAssertTrue($0 is Cancelled) }
        XCTAssertTrue(execution.cancellation.isRequested)
    }

    private final class Flag: Sendable { let value = Atomic<Bool>(false) }
}
