@testable import CapletRuntime
import Foundation
import XCTest

/// Draws against a plain computation of what they should be.
final class SamplerTests: XCTestCase {
    private let logits: [Float] = [0.5, 3, -1, 3, 2.25, -8, 1, 2.5]

    /// softmax(logits / temperature) over the fewest likeliest tokens that have `topP` together.
    private func expected(temperature: Double, topP: Double) -> [Double] {
        let weights = logits.map { Foundation.exp(Double($0) / temperature) }
        let shares = weights.map { $0 / weights.reduce(0, +) }
        var kept = [Double](repeating: 0, count: logits.count)
        var sum = 0.0
        for id in logits.indices.sorted(by: { (shares[$0], $1) > (shares[$1], $0) }) where sum < topP {
            kept[id] = shares[id]
            sum += shares[id]
        }
        return kept.map { $0 / sum }
    }

    func testTemperatureZeroTakesTheFirstOfTheLargest() {
        var sampler = Sampler(GenerationOptions(temperature: 0, topP: 0.5))
        for _ in 0..<3 { XCTAssertEqual(sampler.token(from: logits), 1) }
        XCTAssertEqual(sampler.token(from: [-3, -2, -2]), 1)
    }

    func testFrequenciesAreThoseOfThePlainComputation() {
        let draws = 40_000
        for (temperature, topP) in [(1.0, 1.0), (0.7, 0.9), (2.0, 0.6), (0.3, 0.95), (1.0, 0.01)] {
            var sampler = Sampler(GenerationOptions(temperature: temperature, topP: topP, seed: 11))
            var counts = [Int](repeating: 0, count: logits.count)
            for _ in 0..<draws { counts[Int(sampler.token(from: logits))] += 1 }
            for (count, share) in zip(counts, expected(temperature: temperature, topP: topP)) {
                // Five standard deviations; what is cut off never comes.
                let deviation = (share * (1 - share) / Double(draws)).squareRoot()
                XCTAssertEqual(Double(count) / Double(draws), share, accuracy: 5 * deviation, "\(temperature) \(topP)")
            }
        }
    }

    func testSeedsDecide() {
        func draws(_ seed: UInt64) -> [Int32] {
            var sampler = Sampler(GenerationOptions(temperature: 1.5, topP: 1, seed: seed))
            return (0..<50).map { _ in sampler.token(from: logits) }
        }
        XCTAssertEqual(draws(3), draws(3))
        XCTAssertNotEqual(draws(3), draws(4))
    }

    func testCharactersAreHeldBackUntilWhole() {
        let text = "aé€😀z"
        var stream = TextStream()
        var parts: [String] = []
        for byte in text.utf8 { parts.append(stream.add([byte])) }
        XCTAssertEqual(parts, ["a", "", "é", "", "", "€", "", "", "", "😀", "z"])
        XCTAssertEqual(stream.finish(), "")
        // Bytes that begin nothing are not held back, and what is cut off at the end is shown for what it is.
        XCTAssertEqual(stream.add([0xFF, 0x80, 0x41]), "\u{FFFD}\u{FFFD}A")
        XCTAssertEqual(stream.add([0xE2, 0x82]), "")
        XCTAssertEqual(stream.finish(), "\u{FFFD}")
    }
}
