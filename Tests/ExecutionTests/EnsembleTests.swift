import Execution
import XCTest

final class EnsembleTests: XCTestCase {
    /// Terms whose sum depends on the order in which they are added.
    private static func term(_ index: Int) -> [Float] { (0..<5).map { Float(1 << (index % 20)) * 1e-3 + Float($0 * index) / 3 } }

    /// The sum along the tree as it is defined: a node over several terms is split at the largest power of two below their number.
    private static func reference(_ terms: Range<Int>) -> [Float] {
        guard terms.count > 1 else { return term(terms.lowerBound) }
        var left = 1
        while 2 * left < terms.count { left *= 2 }
        let middle = terms.lowerBound + left
        return zip(reference(terms.lowerBound..<middle), reference(middle..<terms.upperBound)).map(+)
    }

    /// The same bits as the definition, whatever the number of ranks, whoever is given the sum, and whichever ranks have no terms.
    func testSumsAreThoseOfTheTree() throws {
        for terms in [1, 2, 3, 7, 8, 13, 64] {
            let expected = Self.reference(0..<terms)
            for count in [1, 2, 3, 5, 7] {
                for owner in [0, count / 2, count - 1] {
                    let found = try ThreadEnsemble.run(count) { ensemble in
                        let execution = ExecutionContext(threads: 1, ensemble: ensemble)
                        let ranges = Shares.ranges(terms, among: count)
                        func sum() throws -> TreeSum {
                            let sum = TreeSum(floats: 5, ranges: ranges, execution)
                            for term in ranges[ensemble.rank] {
                                try sum.add(term) { out in for (slot, value) in Self.term(term).enumerated() { out[slot] = value } }
                            }
                            return sum
                        }
                        func array(_ base: UnsafeMutablePointer<Float>?) -> [Float]? {
                            base.map { Array(UnsafeBufferPointer(start: $0, count: 5)) }
                        }
                        let one = try sum()
                        let some = try sum()
                        let all = try sum()
                        let homes = Array(Set([owner, 0])).sorted()
                        return (
                            array(try one.total(at: owner)), array(try some.total(at: homes)), array(try all.total(at: nil))
                        )
                    }
                    for (rank, sums) in found.enumerated() {
                        XCTAssertEqual(sums.0, rank == owner ? expected : nil, "\(terms) terms, \(count) ranks, at \(owner)")
                        XCTAssertEqual(
                            sums.1, rank == owner || rank == 0 ? expected : nil, "\(terms) terms, \(count) ranks, at \(owner) and 0")
                        XCTAssertEqual(sums.2, expected, "\(terms) terms, \(count) ranks, at all")
                    }
                }
            }
        }
    }

    /// As many arrays are held as the tree is deep, and one.
    func testTermsInARowTakeFewSlots() throws {
        let sum = TreeSum(floats: 1, ranges: [0..<64], ExecutionContext(threads: 1))
        var most = 0
        for end in 1...64 {
            for step in try sum.steps(until: end) {
                switch step {
                case .term(let term, let slot):
                    XCTAssertEqual(term, end - 1)
                    most = max(most, slot + 1)
                case .add(let slot): most = max(most, slot + 2)
                }
            }
        }
        XCTAssertEqual(most, 7)
    }

    /// Every rank has what any of them had.
    func testCollectives() throws {
        for count in [1, 2, 3, 4, 7] {
            let found = try ThreadEnsemble.run(count) { ensemble in
                let ranges = Shares.ranges(5, among: count)
                var words = try [String]()
                for root in 0..<count {
                    let own = ensemble.rank == root ? Array("word \(root)".utf8) : []
                    words.append(String(decoding: try ensemble.broadcast(own, from: root), as: UTF8.self))
                }
                let numbers = try ensemble.gather(ranges[ensemble.rank].map { $0 * $0 }, ranges, zero: 0)
                let names = try ensemble.gather(Array("\(ensemble.rank)".utf8)).map { String(decoding: $0, as: UTF8.self) }
                try ensemble.meet()
                return (words, numbers, names, try ensemble.broadcast(Double(ensemble.rank) + 0.5, from: count - 1))
            }
            for (words, numbers, names, last) in found {
                XCTAssertEqual(words, (0..<count).map { "word \($0)" })
                XCTAssertEqual(numbers, [0, 1, 4, 9, 16])
                XCTAssertEqual(names, (0..<count).map { "\($0)" })
                XCTAssertEqual(last, Double(count) - 0.5)
            }
        }
    }

    /// Ranges cover all, in order, and differ in size by one at most; owners of many like items have equal loads, nearly.
    func testShares() {
        for (n, ranks) in [(0, 3), (5, 7), (64, 7), (100, 8)] {
            let ranges = Shares.ranges(n, among: ranks)
            XCTAssertEqual(ranges.flatMap { Array($0) }, Array(0..<n))
            XCTAssertLessThanOrEqual((ranges.map(\.count).max() ?? 0) - (ranges.map(\.count).min() ?? 0), 1)
        }
        let block: [Double] = [1, 1, 1, 1, 2.7, 2.7, 7.3]
        let costs: [Double] = (0..<8).flatMap { _ in block }
        let owners = Shares.owners(costs, among: 8)
        var loads = [Double](repeating: 0, count: 8)
        for (cost, owner) in zip(costs, owners) { loads[owner] += cost }
        XCTAssertEqual(loads.reduce(0, +), costs.reduce(0, +), accuracy: 1e-9)
        XCTAssertLessThan(loads.max() ?? 0, 1.1 * costs.reduce(0, +) / 8)
        XCTAssertEqual(Shares.owners([5, 4, 3, 3, 3], among: 2), [0, 1, 1, 0, 1])
    }
}
