import XCTest

@testable import PassKit

final class ThreadSharesTests: XCTestCase {
    private func shares(_ threads: Int, _ counts: [Int], memory: Int = 8 << 30) -> [Int] {
        let shares = ThreadShares(threads: threads, elementCounts: counts, memory: memory)
        return [shares.sideBySide, shares.each]
    }

    func testAsManySideBySideAsThereIsMemoryFor() {
        XCTAssertEqual(shares(8, [Int](repeating: 256 * 256, count: 42)), [8, 1])
        XCTAssertEqual(shares(8, [4096 * 11008, 4096 * 4096, 4096 * 4096]), [1, 8])
        XCTAssertEqual(shares(8, [Int](repeating: 4096 * 4096, count: 30)), [5, 2])
        XCTAssertEqual(shares(64, [Int](repeating: 4096 * 11008, count: 224), memory: 256 << 30), [63, 2])
    }

    func testNoThreadIsLeftIdleAndNoneIsMissing() {
        for threads in 1...9 {
            for counts in [[], [1], [1 << 40], [1 << 25, 1 << 25], [Int](repeating: 1 << 23, count: 100)] {
                let found = shares(threads, counts)
                XCTAssertGreaterThanOrEqual(found[0], 1)
                XCTAssertGreaterThanOrEqual(found[0] * found[1], threads)
                XCTAssertLessThan(found[0] * found[1], threads + found[0])
            }
        }
        XCTAssertEqual(shares(8, [10, 10]), [2, 4])
    }
}
