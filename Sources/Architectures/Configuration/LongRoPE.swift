import CLibrary

/// LongRoPE (Ding et al. 2024, arXiv 2402.13753): each pair's frequency is divided by a number of its own, out of one list in sequences within the
/// original context and out of another in longer ones; queries and keys are multiplied by a number in both.
public struct LongRoPE: Equatable, Sendable {
    /// What divides the frequencies, [rotarySize / 2] each: of sequences of up to `originalContext` tokens, and of longer ones.
    public var shortDivisors: [Float]
    public var longDivisors: [Float]
    public var originalContext: Int
    /// What queries and keys are multiplied by where that is said; else it follows from how many times longer the context has become.
    public var attentionFactor: Double?
    public var factor: Double

    package init(shortDivisors: [Float], longDivisors: [Float], originalContext: Int, factor: Double, attentionFactor: Double? = nil) {
        (self.shortDivisors, self.longDivisors) = (shortDivisors, longDivisors)
        (self.originalContext, self.factor, self.attentionFactor) = (originalContext, factor, attentionFactor)
    }

    /// The original context of a config.json of Phi-3 that does not say it.
    static let usualContext = 4096

    /// √(1 + ln(factor) / ln(original context)).
    public var magnitude: Double {
        if let attentionFactor { return attentionFactor }
        return factor <= 1 ? 1 : (1 + log(factor) / log(Double(originalContext))).squareRoot()
    }

    /// - Throws: `ConfigurationError` for a value that no model can have.
    func checkInvariants(rotarySize: Int) throws {
        for (name, list) in [("short_factor", shortDivisors), ("long_factor", longDivisors)] {
            guard list.count == rotarySize / 2 else {
                throw ConfigurationError("\(name) of rope_scaling has \(list.count) numbers; \(rotarySize / 2) pairs turn")
            }
            guard list.allSatisfy({ $0 > 0 && $0.isFinite }) else {
                throw ConfigurationError("\(name) of rope_scaling has numbers that cannot divide")
            }
        }
        guard originalContext > 1, originalContext <= ModelConfiguration.maximumDimension else {
            throw ConfigurationError("rope_scaling has an original context of \(originalContext)")
        }
        guard factor.isFinite, magnitude.isFinite, magnitude > 0 else {
            throw ConfigurationError("rope_scaling multiplies queries and keys by \(magnitude)")
        }
    }
}
