import XCTest

@testable import PassKit

final class ThreadSharesTests: XCTestCase {
    func testSmallMatricesGoSideBySideAndLargeOnesGetTheThreads() {
        let small = ThreadShares(threads: 8, elementCounts: [Int](repeating: 256 * 256, count: 42))
        XCTAssertEqual([small.sideBySide, small.each], [8, 1])
        let large = ThreadShares(threads: 8, elementCounts: [4096 * 11008, 4096 * 4096, 4096 * 4096])
        XCTAssertEqual([large.sideBySide, large.each], [1, 8])
        let middle = ThreadShares(threads: 8, elementCounts: [Int](repeating: 4096 * 4096, count: 30))
        XCTAssertEqual([middle.sideBySide, middle.each], [4, 2])
    }

    func testNeverMoreThanThereAreAndNeverNone() {
        for threads in 1...9 {
            for counts in [[], [1], [1 << 40], [1 << 25, 1 << 25], [Int](repeating: 1 << 23, count: 100)] {
                let shares = ThreadShares(threads: threads, elementCounts: counts)
                XCTAssertGreaterThanOrEqual(shares.sideBySide, 1)
                XCTAssertGreaterThanOrEqual(shares.each, 1)
                XCTAssertLessThanOrEqual(shares.sideBySide * shares.each, threads)
            }
        }
        let few = ThreadShares(threads: 8, elementCounts: [10, 10])
        XCTAssertEqual([few.sideBySide, few.each], [2, 4])
    }
}
