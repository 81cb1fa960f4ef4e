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

    /// What the options of the first version draw is drawn for ever.
    func testDrawsStayTheSame() {
        func draws(_ options: GenerationOptions) -> [Int32] {
            var sampler = Sampler(options)
            return (0..<16).map { _ in sampler.token(from: logits) }
        }
        XCTAssertEqual(draws(GenerationOptions(temperature: 0.8, topP: 0.95, seed: 0)), [3, 4, 3, 1, 1, 1, 1, 3, 1, 1, 3, 3, 3, 1, 3, 4])
        XCTAssertEqual(draws(GenerationOptions(temperature: 1.5, topP: 1, seed: 3)), [3, 6, 1, 1, 4, 3, 7, 1, 7, 3, 0, 7, 3, 7, 6, 4])
    }

    func testSeedsDecide() {
        func draws(_ seed: UInt64) -> [Int32] {
            var sampler = Sampler(GenerationOptions(temperature: 1.5, topP: 1, seed: seed))
            return (0..<50).map { _ in sampler.token(from: logits) }
        }
        XCTAssertEqual(draws(3), draws(3))
        XCTAssertNotEqual(draws(3), draws(4))
    }

    private func candidates(_ logits: [Float], _ options: GenerationOptions) -> [Int] {
        let largest = Double(logits.max() ?? 0)
        let weights = logits.map { Foundation.exp((Double($0) - largest) / max(options.temperature, 0.01)) }
        return Sampler(options).candidates(logits, weights, largest: largest)
    }

    func testTopK() {
        func top(_ k: Int) -> [Int] { candidates(logits, GenerationOptions(topP: 1, topK: k)) }
        XCTAssertEqual(top(1), [1], "of equal ones the lower")
        XCTAssertEqual(top(2), [1, 3])
        XCTAssertEqual(top(4), [1, 3, 7, 4])
        XCTAssertEqual(top(0), [0, 1, 2, 3, 4, 5, 6, 7])
        XCTAssertEqual(top(8), top(0))
        XCTAssertEqual(top(100), top(0))
    }

    /// Top-p is of what top-k leaves, min-p of what top-p leaves; the temperature is in top-p alone.
    func testOrder() {
        // Probabilities 0.4, 0.3, 0.2, 0.1.
        let logits: [Float] = [0.4, 0.3, 0.2, 0.1].map { Float(Foundation.log($0)) }
        func left(_ options: GenerationOptions) -> [Int] { candidates(logits, options) }
        XCTAssertEqual(left(GenerationOptions(temperature: 1, topP: 0.75)), [0, 1, 2])
        // Of the first two these have 4/7 and 3/7.
        XCTAssertEqual(left(GenerationOptions(temperature: 1, topP: 0.55, topK: 2)), [0])
        XCTAssertEqual(left(GenerationOptions(temperature: 1, topP: 0.55)), [0, 1])
        XCTAssertEqual(left(GenerationOptions(temperature: 1, topP: 1, minP: 0.45)), [0, 1, 2])
        XCTAssertEqual(left(GenerationOptions(temperature: 1, topP: 1, minP: 0.55)), [0, 1])
        XCTAssertEqual(left(GenerationOptions(temperature: 9, topP: 1, minP: 0.55)), [0, 1])
        XCTAssertEqual(left(GenerationOptions(temperature: 1, topP: 1, minP: 1)), [0])
        XCTAssertEqual(left(GenerationOptions(temperature: 1, topP: 0.75, topK: 3, minP: 0.6)), [0, 1])
        // At 9 the four are almost equally likely: three of them have not 0.8 together.
        XCTAssertEqual(left(GenerationOptions(temperature: 9, topP: 0.8)), [0, 1, 2, 3])
    }

    func testRepetitionPenalty() {
        let sampler = Sampler(GenerationOptions(repetitionPenalty: 2))
        XCTAssertEqual(sampler.penalised([3, -1, 0, 5], [0, 1, 2, 0]), [1.5, -2, 0, 5])
        XCTAssertEqual(sampler.penalised([3, -1], [7, -1]), [3, -1], "ids beyond the logits")
        // 65 tokens back is too far.
        let tokens = [Int32(0)] + [Int32](repeating: 1, count: 63)
        XCTAssertEqual(sampler.penalised([4, 4], tokens[...]), [2, 2])
        XCTAssertEqual(sampler.penalised([4, 4], (tokens + [1])[...]), [4, 2])
        var greedy = Sampler(GenerationOptions(temperature: 0, repetitionPenalty: 2))
        XCTAssertEqual(greedy.token(from: [3, 2, 1], after: [0]), 1)
        XCTAssertEqual(greedy.token(from: [3, 2, 1], after: []), 0)
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
