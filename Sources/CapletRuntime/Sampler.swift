import CLibrary
import Matrices

/// Draws tokens from logits.
///
/// Draw i is a function of seed, i, the logits and the tokens before alone. The steps have llama.cpp's order: repetition penalty, top-k,
/// top-p, min-p, temperature. Top-p alone looks at probabilities that have the temperature already, as transformers' does.
struct Sampler {
    /// Tokens back from the end, prompt and answer, that the repetition penalty is for; `--repeat-last-n` of llama.cpp.
    static let penalisedTokens = 64

    private let options: GenerationOptions
    private let numbers: CounterGenerator
    private var drawn: UInt64 = 0

    init(_ options: GenerationOptions) {
        self.options = options
        numbers = CounterGenerator(seed: options.seed, stream: 0)
    }

    /// The id of the largest logit, the first of equal ones; at a temperature above 0 one drawn from softmax(logits / temperature), cut
    /// to the tokens that top-k, top-p and min-p leave.
    ///
    /// - Parameter recent: the tokens before, of which the last `penalisedTokens` count.
    mutating func token(from logits: [Float], after recent: ArraySlice<Int32> = []) -> Int32 {
        let logits = penalised(logits, recent)
        guard let best = logits.indices.max(by: { logits[$0] < logits[$1] || logits[$0] == logits[$1] && $0 > $1 }) else { return 0 }
        guard options.temperature > 0 else { return Int32(best) }
        let largest = Double(logits[best])
        let weights = logits.map { exp((Double($0) - largest) / options.temperature) }
        let chosen = candidates(logits, weights, largest: largest)
        let sum = chosen.reduce(0) { $0 + weights[$1] }
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

    /// The logits with those of recent tokens made less likely, each once.
    func penalised(_ logits: [Float], _ recent: ArraySlice<Int32>) -> [Float] {
        guard options.repetitionPenalty != 1 else { return logits }
        let penalty = Float(options.repetitionPenalty)
        var penalised = logits
        for id in Set(recent.suffix(Sampler.penalisedTokens)) where logits.indices.contains(Int(id)) {
            let logit = logits[Int(id)]
            penalised[Int(id)] = logit > 0 ? logit / penalty : logit * penalty
        }
        return penalised
    }

    /// The ids that may be drawn: all in their order, or the likeliest first where some are left out.
    ///
    /// - Parameters:
    ///   - weights: exp((logits - largest) / temperature).
    ///   - largest: the largest of the logits.
    func candidates(_ logits: [Float], _ weights: [Double], largest: Double) -> [Int] {
        var chosen = Array(logits.indices)
        if options.topK > 0, options.topK < chosen.count { chosen = Array(likeliestFirst(chosen, logits).prefix(options.topK)) }
        if options.topP < 1 { chosen = nucleus(chosen, weights) }
        if options.minP > 0 { chosen = chosen.filter { exp(Double(logits[$0]) - largest) >= options.minP } }
        return chosen
    }

    /// The likeliest of `ids`, of equal ones the lower first, as few as have `topP` of the sum together.
    private func nucleus(_ ids: [Int], _ weights: [Double]) -> [Int] {
        let total = ids.reduce(0) { $0 + weights[$1] }
        // Ids below this share cannot be in it: all of them together have less than what may be left out.
        let least = (1 - options.topP) * total / Double(ids.count)
        let candidates = likeliestFirst(ids.filter { weights[$0] >= least }, weights)
        var sum = 0.0
        for (count, id) in candidates.enumerated() {
            sum += weights[id]
            if sum >= options.topP * total { return Array(candidates[...count]) }
        }
        return candidates
    }

    private func likeliestFirst<Value: Comparable>(_ ids: [Int], _ values: [Value]) -> [Int] {
        ids.sorted { values[$0] > values[$1] || values[$0] == values[$1] && $0 < $1 }
    }
}
