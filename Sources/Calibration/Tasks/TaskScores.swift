import CLibrary
import Execution
import Inference
import Tokenization

/// How a model answers questions with choices.
public struct TaskScores: Sendable {
    /// A share of right answers.
    public struct Accuracy: Sendable {
        public let value: Double
        /// √(p(1 − p) / (n − 1)); nil for one question.
        public let standardError: Double?

        init(_ right: [Bool]) {
            let n = Double(right.count)
            value = Double(right.filter { $0 }.count) / max(n, 1)
            standardError = right.count > 1 ? (value * (1 - value) / (n - 1)).squareRoot() : nil
        }
    }

    /// By the largest log-likelihood, and by the largest log-likelihood a character.
    public let accuracy: Accuracy
    public let normalizedAccuracy: Accuracy
    /// Of each record's choices, in nats.
    public let logLikelihoods: [[Double]]
    /// Choices whose context was cut off at its beginning to fit.
    public let truncatedCount: Int
    public let scoredTokenCount: Int

    /// Scores every choice of every record.
    ///
    /// A choice is tokenised together with its context; its tokens are those after as many as the context alone has.
    /// - Throws: `TaskError` for a choice without tokens or too long for the model, what the model throws, `Cancelled`.
    public init(of model: Transformer, _ tokenizer: Tokenizer, on records: [TaskRecord], _ execution: ExecutionContext) throws {
        var sequences: [(tokens: [Int32], scored: Int)] = []
        var truncated = 0
        let limit = model.configuration.contextLength
        for (index, record) in records.enumerated() {
            for (context, continuation) in zip(record.contexts, record.continuations) {
                var tokens = TaskScores.tokens(context + continuation, tokenizer)
                let scored = tokens.count - TaskScores.tokens(context, tokenizer).count
                guard scored > 0, scored < limit, tokens.count > scored else {
                    throw TaskError(
                        line: nil, "record \(index + 1): a choice of \(scored) tokens cannot be scored in a context of \(limit)")
                }
                if tokens.count > limit {
                    truncated += 1
                    tokens.removeFirst(tokens.count - limit)
                }
                sequences.append((tokens, scored))
            }
        }
        let sums = try TaskScores.sums(model, sequences, execution)
        var start = 0
        logLikelihoods = records.map { record in
            defer { start += record.contexts.count }
            return Array(sums[start..<start + record.contexts.count])
        }
        accuracy = Accuracy(zip(records, logLikelihoods).map { $0.answer == TaskScores.largest($1) })
        normalizedAccuracy = Accuracy(
            zip(records, logLikelihoods).map { record, sums in
                record.answer == TaskScores.largest(zip(sums, record.lengths).map { $0 / Double(max($1, 1)) })
            })
        truncatedCount = truncated
        scoredTokenCount = sequences.reduce(0) { $0 + $1.scored }
    }

    /// With the token that begins a text where the model has one, without that which ends it.
    private static func tokens(_ text: String, _ tokenizer: Tokenizer) -> [Int32] {
        var tokens = tokenizer.encode(text)
        if tokenizer.vocabulary.addsEOS, tokens.last == tokenizer.vocabulary.eosID { tokens.removeLast() }
        return tokens
    }

    private static func sums(
        _ model: Transformer, _ sequences: [(tokens: [Int32], scored: Int)], _ execution: ExecutionContext
    ) throws -> [Double] {
        execution.progress.begin("evaluate", total: sequences.count, unit: "choices")
        defer { execution.progress.end() }
        var sums: [Double] = []
        for start in stride(from: 0, to: sequences.count, by: Perplexity.sequencesAtATime) {
            try execution.cancellation.check()
            let part = Array(sequences[start..<min(start + Perplexity.sequencesAtATime, sequences.count)])
            let losses = try model.tokenLosses(part.map(\.tokens), execution)
            sums += zip(part, losses).map { -$1.suffix($0.scored).reduce(0, +) }
            execution.progress.advance(by: part.count)
        }
        return sums
    }

    /// The first of the largest.
    private static func largest(_ values: [Double]) -> Int {
        values.indices.max { (values[$0], -$0) < (values[$1], -$1) } ?? 0
    }
}
