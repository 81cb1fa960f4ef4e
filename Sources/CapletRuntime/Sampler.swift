import CLibrary
import Matrices

/// Draws tokens from logits.
///
/// Draw i is a function of seed, i and the logits alone.
struct Sampler {
    private let temperature: Double
    private let topP: Double
    private let numbers: CounterGenerator
    private var drawn: UInt64 = 0

    init(_ options: GenerationOptions) {
        temperature = options.temperature
        topP = options.topP
        numbers = CounterGenerator(seed: options.seed, stream: 0)
    }

    /// The id of the largest logit, the first of equal ones; at a temperature above 0 one drawn from
    /// softmax(logits / temperature), cut to the fewest likeliest tokens whose probabilities sum to top-p.
    mutating func token(from logits: [Float]) -> Int32 {
        guard let best = logits.indices.max(by: { logits[$0] < logits[$1] || logits[$0] == logits[$1] && $0 > $1 }) else { return 0 }
        guard temperature > 0 else { return Int32(best) }
        let largest = Double(logits[best])
        let weights = logits.map { exp((Double($0) - largest) / temperature) }
        let total = weights.reduce(0, +)
        let chosen = topP < 1 ? nucleus(weights, total) : Array(logits.indices)
        let sum = topP < 1 ? chosen.reduce(0) { $0 + weights[$1] } : total
        let target = Double(numbers.bits(drawn) >> 11) * 0x1p-53 * sum
        drawn += 1
        var reached = 0.0
        for id in chosen {
            reached += weights[id]
            if reached > target { return Int32(id) }
        }
        // Rounding of the sums may leave the target just above the last of them.
        return Int32(chosen.last { weights[$0] > 0 } ?? best)
    }

    /// The likeliest ids, of equal ones the lower first, as few as have `topP` of `total` together.
    private func nucleus(_ weights: [Double], _ total: Double) -> [Int] {
        // Ids below this share cannot be in it: all of them together have less than what may be left out.
        let least = (1 - topP) * total / Double(weights.count)
        let candidates = weights.indices.filter { weights[$0] >= least }
            .sorted { weights[$0] > weights[$1] || weights[$0] == weights[$1] && $0 < $1 }
        var sum = 0.0
        for (count, id) in candidates.enumerated() {
            sum += weights[id]
            if sum >= topP * total { return Array(candidates[...count]) }
        }
        return candidates
    }
}
