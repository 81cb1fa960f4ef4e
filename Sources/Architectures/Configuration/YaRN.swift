import CLibrary

/// YaRN (Peng et al. 2023, arXiv 2309.00071): pairs that turn often within the original context are kept, slow ones divided by the factor, those
/// between blended; queries and keys are multiplied by a number that grows with the logarithm of the factor.
public struct YaRN: Equatable, Sendable {
    public var factor: Double
    /// Turns within the original context from which on a pair is kept, and up to which it is divided by the whole factor.
    public var fastTurns = 32.0
    public var slowTurns = 1.0
    public var originalContext: Int
    /// Whether the pairs where blending begins and ends are whole numbers.
    public var truncates = true
    /// What queries and keys are multiplied by where that is said, and what makes it of the factor: "mscale" and "mscale_all_dim".
    public var attentionFactor: Double?
    public var scale: Double?
    public var scaleOfAll: Double?

    package init(factor: Double, originalContext: Int) { (self.factor, self.originalContext) = (factor, originalContext) }

    /// 0.1 · m · ln(factor) + 1.
    public func magnitude(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1 }

    /// What queries and keys are multiplied by.
    public var magnitude: Double {
        if let attentionFactor { return attentionFactor }
        guard let scale, let scaleOfAll, scale != 0, scaleOfAll != 0 else { return magnitude(1) }
        return magnitude(scale) / magnitude(scaleOfAll)
    }

    /// What divides each of the frequencies θ^(−2i/d).
    func divisors(_ frequencies: [Float], theta: Double) -> [Float] {
        let size = Double(2 * frequencies.count)
        func pair(_ turns: Double) -> Double { size * log(Double(originalContext) / (turns * 2 * Double.pi)) / (2 * log(theta)) }
        var (low, high) = (pair(fastTurns), pair(slowTurns))
        if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
        (low, high) = (max(low, 0), min(high, size - 1))
        if low == high { high += 0.001 }
        return frequencies.indices.map { index in
            let share = min(max((Double(index) - low) / (high - low), 0), 1)
            return Float(1 / (share / factor + 1 - share))
        }
    }

    /// - Throws: `ConfigurationError` for a value that no model can have.
    func checkInvariants(theta: Double) throws {
        for (name, value) in [("factor", factor), ("beta_fast", fastTurns), ("beta_slow", slowTurns)] {
            guard value > 0, value.isFinite, value < 1e9 else { throw ConfigurationError("the \(name) of rope_scaling is \(value)") }
        }
        guard originalContext > 0, originalContext <= ModelConfiguration.maximumDimension else {
            throw ConfigurationError("rope_scaling has a context of \(originalContext)")
        }
        guard theta > 1 else { throw ConfigurationError("rope_theta is \(theta), which yarn cannot scale") }
        guard magnitude.isFinite, magnitude > 0 else {
            throw ConfigurationError("rope_scaling multiplies queries and keys by \(magnitude)")
        }
    }
}
