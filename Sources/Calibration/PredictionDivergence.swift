import Execution
import Inference

/// How far a model's predictions are from those of the model that it was made from, over the same token sequences.
///
/// Standard errors take sequences as the independent units, as those of `Perplexity` do; that of the loss's difference is of the differences
/// sequence by sequence, which is far below either loss's own.
public struct PredictionDivergence: Sendable {
    /// Mean negative log-likelihood, nats a token.
    public let loss: Perplexity
    /// The original's.
    public let originalLoss: Perplexity
    /// The mean rise of the loss over the original's, and its standard error.
    public let difference: Perplexity
    /// The mean Kullback-Leibler divergence of the predictions from the original's, nats a token, and its standard error.
    public let divergence: Perplexity
    /// The share of tokens for which both models find the same one the likeliest, and its standard error.
    public let agreement: Perplexity
    /// Divergences that half, 99 % and all of the tokens do not exceed.
    public let median: Double
    public let percentile99: Double
    public let largest: Double

    /// - Parameter comparisons: of each sequence's tokens, in order.
    init(_ comparisons: [[TokenComparison]]) {
        func mean(_ value: (TokenComparison) -> Double) -> Perplexity {
            Perplexity(sequenceLosses: comparisons.map { ($0.reduce(0) { $0 + value($1) }, $0.count) })
        }
        loss = mean(\.loss)
        originalLoss = mean(\.originalLoss)
        difference = mean { $0.loss - $0.originalLoss }
        divergence = mean(\.divergence)
        agreement = mean { $0.agrees ? 1 : 0 }
        let sorted = comparisons.joined().map(\.divergence).sorted()
        func quantile(_ share: Double) -> Double { sorted.isEmpty ? 0 : sorted[Int(share * Double(sorted.count - 1))] }
        (median, percentile99, largest) = (quantile(0.5), quantile(0.99), quantile(1))
    }

    /// Runs both models over all sequences, some at a time, with progress in sequences.
    ///
    /// - Throws: `ModelError.notCausal` for encoders.
    public init(of model: Transformer, from original: Transformer, over tokens: TokenSequences, _ execution: ExecutionContext) throws {
        var comparisons: [[TokenComparison]] = []
        execution.progress.begin("evaluate", total: tokens.sequences.count, unit: "sequences")
        defer { execution.progress.end() }
        let wave = Perplexity.sequencesAtATime
        for start in stride(from: 0, to: tokens.sequences.count, by: wave) {
            let part = Array(tokens.sequences[start..<min(start + wave, tokens.sequences.count)])
            comparisons += try model.comparisons(of: part, with: original, execution)
            execution.progress.advance(by: part.count)
        }
        self.init(comparisons)
    }
}
