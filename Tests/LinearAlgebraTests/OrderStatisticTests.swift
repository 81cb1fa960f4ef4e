import LinearAlgebra
import TestSupport
import XCTest

final class OrderStatisticTests: XCTestCase {
    func testAgreesWithSortingWhateverTheTies() {
        let numbers = CounterGenerator(seed: 7, stream: 0)
        for size in [1, 2, 17, 1000] {
            // Few distinct values, so that ties are common; some denormal, some zero.
            let values = (0..<size).map { index -> Float in
                let pick = numbers.bits(UInt64(index)) % 7
                return pick == 0 ? 0 : (pick == 1 ? 1e-41 : Float(pick) * 0.37)
            }
            let cut = size / 3
            let pieces = [Array(values[..<cut]), Array(values[cut...])]
            for k in Set([1, size / 2, size]) where k >= 1 {
                let statistic = OrderStatistic(largest: k, of: pieces)
                XCTAssertEqual(statistic.threshold, values.sorted(by: >)[k - 1])
                let kept = statistic.selection(of: pieces).joined().map { $0 }
                XCTAssertEqual(kept.count { $0 }, k)
                let least = zip(values, kept).filter { $0.1 }.map(\.0).min() ?? 0
                let best = zip(values, kept).filter { !$0.1 }.map(\.0).max() ?? 0
                XCTAssertGreaterThanOrEqual(least, best)
            }
        }
    }

    func testTiesAreKeptInOrder() {
        let pieces: [[Float]] = [[1, 2, 1], [1, 3]]
        XCTAssertEqual(OrderStatistic(largest: 3, of: pieces).selection(of: pieces), [[true, true, false], [false, true]])
    }
}

final class CounterGeneratorTests: XCTestCase {
    func testDrawsAreAFunctionOfSeedStreamAndIndex() {
        let first = CounterGenerator(seed: 1, stream: 2)
        XCTAssertEqual(first.bits(99), CounterGenerator(seed: 1, stream: 2).bits(99))
        XCTAssertNotEqual(first.bits(99), CounterGenerator(seed: 1, stream: 3).bits(99))
        XCTAssertNotEqual(first.bits(99), CounterGenerator(seed: 2, stream: 2).bits(99))
    }

    func testMomentsAreThoseOfTheDistributions() {
        let numbers = CounterGenerator(seed: 3, stream: 4)
        let count = 20_000
        let uniform = (0..<count).map { Double(numbers.uniform(UInt64($0))) }
        XCTAssertEqual(uniform.reduce(0, +) / Double(count), 0.5, accuracy: 0.01)
        XCTAssertTrue(uniform.allSatisfy { $0 >= 0 && $0 < 1 })
        let normal = (0..<count).map { numbers.normal(UInt64($0)) }
        XCTAssertEqual(normal.reduce(0, +) / Double(count), 0, accuracy: 0.03)
        XCTAssertEqual(normal.reduce(0) { $0 + $1 * $1 } / Double(count), 1, accuracy: 0.05)
        XCTAssertEqual(numbers.permutation(of: 100).sorted(), Array(0..<100))
    }
}
