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
        let (wave, ensemble) = (Perplexity.sequencesAtATime, execution.ensemble)
        let ranges = Shares.ranges(tokens.sequences.count, among: ensemble.count)
        let own = ranges[ensemble.rank]
        for start in stride(from: own.lowerBound, to: own.upperBound, by: wave) {
            let part = Array(tokens.sequences[start..<min(start + wave, own.upperBound)])
            comparisons += try model.comparisons(of: part, with: original, execution)
            execution.advanceShared(by: part.count)
        }
        self.init(try PredictionDivergence.all(comparisons, tokens, ranges, ensemble))
    }

    /// Those of all ranks' sequences.
    private static func all(
        _ own: [[TokenComparison]], _ tokens: TokenSequences, _ ranges: [Range<Int>], _ ensemble: any Ensemble
    ) throws -> [[TokenComparison]] {
        guard ensemble.isShared else { return own }
        let starts = tokens.sequences.reduce(into: [0]) { $0.append($0[$0.count - 1] + max($1.count - 1, 0)) }
        let places = ranges.map { starts[$0.lowerBound]..<starts[$0.upperBound] }
        func gathered(_ value: (TokenComparison) -> Double) throws -> [Double] {
            try ensemble.gather(own.flatMap { $0.map(value) }, places, zero: 0)
        }
        let (losses, originals) = (try gathered(\.loss), try gathered(\.originalLoss))
        let (divergences, agreements) = (try gathered(\.divergence), try gathered { $0.agrees ? 1 : 0 })
        return tokens.sequences.indices.map { sequence in
            (starts[sequence]..<starts[sequence + 1]).map {
                TokenComparison(
                    loss: losses[$0], originalLoss: originals[$0], divergence: divergences[$0], agrees: agreements[$0] == 1)
            }
        }
    }
}
