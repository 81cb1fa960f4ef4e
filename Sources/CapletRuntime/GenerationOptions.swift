import Execution

/// How an answer is chosen, and how long it may be.
public struct GenerationOptions {
    /// Most tokens of the answer.
    public var maxTokens: Int
    /// Logits are divided by this; 0 takes the likeliest token each time.
    public var temperature: Double
    /// Tokens are drawn from so many likeliest ones, of equal ones the lower ids; 0 is all of them.
    public var topK: Int
    /// Tokens are drawn from the fewest likeliest ones that have this probability together; 1 is all of them.
    public var topP: Double
    /// Tokens are drawn from those with this share of the likeliest one's probability, before the temperature; 0 is all of them.
    public var minP: Double
    /// Logits of the last `Sampler.penalisedTokens` tokens are divided by this where positive and multiplied by it otherwise; 1 leaves
    /// them.
    public var repetitionPenalty: Double
    /// The answer ends before the first of these texts, which is no part of it.
    public var stops: [String]
    /// Seed of the draws.
    public var seed: UInt64
    /// Most tokens of prompt and answer together; nil for what the model was made for.
    public var context: Int?
    /// Asked between tokens.
    public var cancellation = Cancellation()

    /// Options as `run` has them, but for those that are given.
    public init(
        maxTokens: Int = 256, temperature: Double = 0.8, topP: Double = 0.95, seed: UInt64 = 0, context: Int? = nil, topK: Int = 0,
        minP: Double = 0, repetitionPenalty: Double = 1, stops: [String] = []
    ) {
        self.maxTokens = maxTokens
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.stops = stops
        self.seed = seed
        self.context = context
    }

    /// - Throws: `RuntimeError.badOption`.
    public func check() throws {
        guard maxTokens >= 0 else { throw RuntimeError.badOption("the most tokens of an answer are 0 or more, not \(maxTokens)") }
        guard temperature >= 0, temperature.isFinite else {
            throw RuntimeError.badOption("the temperature is 0 or more, not \(temperature)")
        }
        guard topP > 0, topP <= 1 else { throw RuntimeError.badOption("top-p is above 0 and at most 1, not \(topP)") }
        guard topK >= 0 else { throw RuntimeError.badOption("top-k is 0 or more, not \(topK)") }
        guard minP >= 0, minP <= 1 else { throw RuntimeError.badOption("min-p is 0 to 1, not \(minP)") }
        guard repetitionPenalty > 0, repetitionPenalty.isFinite else {
            throw RuntimeError.badOption("the repetition penalty is above 0, not \(repetitionPenalty)")
        }
        guard !stops.contains("") else { throw RuntimeError.badOption("a text to stop at has no characters") }
        if let context, context < 1 { throw RuntimeError.badOption("the context is 1 token or more, not \(context)") }
    }
}
