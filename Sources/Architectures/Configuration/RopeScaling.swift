import CLibrary

/// What stretches the rotary embedding for contexts longer than a model was first trained with.
public enum RopeScaling: Equatable, Sendable {
    case none
    /// Positions are divided by the factor (Chen et al. 2023).
    case linear(Double)
    /// LLaMA 3.1: long wavelengths are divided by the factor, short ones kept, those between blended.
    case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double, originalContext: Int)
    case yarn(YaRN)
    case longRope(LongRoPE)
    /// θ grows with sequences longer than the context, by (factor · length / context − factor + 1)^(d / (d − 2)).
    case dynamic(factor: Double, context: Int)

    /// The most tokens of a sequence for which all positions turn as in a shorter one; nil where that does not depend on the length.
    public var lengthLimit: Int? {
        switch self {
        case .longRope(let long): return long.originalContext
        case .dynamic(_, let context): return context
        default: return nil
        }
    }

    /// What divides each of the frequencies θ^(−2i/d); nil where all of them are kept.
    ///
    /// - Parameters:
    ///   - frequencies: θ^(−2i/d) for i in 0 ..< d/2.
    ///   - length: tokens of the sequence, which some scaling goes by.
    public func divisors(_ frequencies: [Float], theta: Double, length: Int = 1) -> [Float]? {
        switch self {
        case .none: return nil
        case .longRope(let long): return length > long.originalContext ? long.longDivisors : long.shortDivisors
        case .dynamic(let factor, let context):
            guard length > context else { return nil }
            let stretch = factor * Double(length) / Double(context) - (factor - 1)
            let size = Double(2 * frequencies.count)
            return frequencies.indices.map { Float(pow(stretch, Double(2 * $0) / (size - 2))) }
        case .linear(let factor): return frequencies.map { _ in Float(factor) }
        case .llama3(let factor, let low, let high, let original):
            return frequencies.map { frequency in
                let turns = Double(original) * Double(frequency) / (2 * Double.pi)  // within the original context
                if turns < low { return Float(factor) }
                if turns > high { return 1 }
                let share = (turns - low) / (high - low)
                return Float(1 / ((1 - share) / factor + share))
            }
        case .yarn(let yarn): return yarn.divisors(frequencies, theta: theta)
        }
    }

    /// What queries and keys are multiplied by when they turn.
    public var magnitude: Double {
        switch self {
        case .yarn(let yarn): return yarn.magnitude
        case .longRope(let long): return long.magnitude
        default: return 1
        }
    }

    /// The one of LLaMA 3.1's settings whose divisors are these, as `rope_freqs.weight` of a GGUF file has them: the low and high
    /// factors of 1 and 4 that every such model has, and an original context that is a power of two. Nil for others.
    public init?(divisors: [Float], frequencies: [Float], theta: Double) {
        guard let factor = divisors.max(), divisors.count == frequencies.count, factor >= 1, factor.isFinite else { return nil }
        for bits in 9...20 {
            let candidate = RopeScaling.llama3(
                factor: Double(factor), lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 1 << bits)
            guard let theirs = candidate.divisors(frequencies, theta: theta) else { continue }
            if zip(theirs, divisors).allSatisfy({ abs($0 - $1) <= 1e-5 * abs($1) }) {
                self = candidate
                return
            }
        }
        return nil
    }
}

extension ModelConfiguration {
    /// θ^(−2i/d) for i in 0 ..< d/2.
    func frequencies(_ theta: Double) -> [Float] {
        (0..<rotarySize / 2).map { Float(1) / Float(pow(theta, Double(2 * $0) / Double(rotarySize))) }
    }
}
