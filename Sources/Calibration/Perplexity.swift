import CLibrary
import Execution
import Inference

/// The loss of a model over token sequences.
public struct Perplexity: Sendable {
    /// Mean negative log-likelihood, nats a token.
    public let meanLoss: Double
    /// Standard error of `meanLoss`, from the spread between sequences; nil for a single one.
    public let standardError: Double?
    /// Tokens scored.
    public let tokenCount: Int

    /// e^meanLoss, a token-level perplexity.
    public var value: Double { exp(meanLoss) }
    /// First-order standard error of `value`.
    public var valueStandardError: Double? { standardError.map { $0 * value } }

    /// - Parameter sequenceLosses: sum of losses and number of scored tokens of each sequence.
    public init(sequenceLosses: [(sum: Double, count: Int)]) {
        let total = sequenceLosses.reduce(0) { $0 + $1.count }
        let mean = sequenceLosses.reduce(0) { $0 + $1.sum } / Double(max(total, 1))
        meanLoss = mean
        tokenCount = total
        let n = Double(sequenceLosses.count)
        if sequenceLosses.count > 1 {
            // A ratio estimator's variance, with sequences as the independent units: tokens of one text are not.
            let squares = sequenceLosses.reduce(0.0) { $0 + ($1.sum - mean * Double($1.count)) * ($1.sum - mean * Double($1.count)) }
            standardError = (squares * n / (n - 1)).squareRoot() / Double(max(total, 1))
        } else {
            standardError = nil
        }
    }

    /// Runs `model` over all sequences, some at a time, with progress in sequences.
    public init(of model: Transformer, over tokens: TokenSequences, _ execution: ExecutionContext) throws {
        self.init(sequenceLosses: try Perplexity.sequenceLosses(of: model, over: tokens, execution))
    }

    /// The sum of losses and the number of scored tokens of each sequence, in their order: two models' on the same text can be
    /// compared sequence by sequence.
    public static func sequenceLosses(
        of model: Transformer, over tokens: TokenSequences, _ execution: ExecutionContext
    ) throws -> [(sum: Double, count: Int)] {
        var (sums, counts) = ([Double](), [Int]())
        execution.progress.begin("evaluate", total: tokens.sequences.count, unit: "sequences")
        defer { execution.progress.end() }
        let (wave, ensemble) = (Perplexity.sequencesAtATime, execution.ensemble)
        let ranges = Shares.ranges(tokens.sequences.count, among: ensemble.count)
        let own = ranges[ensemble.rank]
        for start in stride(from: own.lowerBound, to: own.upperBound, by: wave) {
            let part = Array(tokens.sequences[start..<min(start + wave, own.upperBound)])
            for sequence in try model.tokenLosses(part, execution) {
                sums.append(sequence.reduce(0, +))
                counts.append(sequence.count)
            }
            execution.advanceShared(by: part.count)
        }
        return zip(try ensemble.gather(sums, ranges, zero: 0), try ensemble.gather(counts, ranges, zero: 0)).map { (sum: $0, count: $1) }
    }

    static let sequencesAtATime = 16
}
