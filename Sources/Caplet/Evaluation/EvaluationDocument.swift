import Calibration
import Inference

extension Evaluation {
    /// What was found as one line of JSON: what `evaluate --json` prints, and the C interface gives back.
    ///
    /// - Parameter tokens: the file of token ids, if there was one.
    package func line(tokens: String?) throws -> String {
        switch self {
        case .loss(let loss): return try JSONOutput.line(LossDocument(loss, tokens: tokens))
        case .task(let result): return try JSONOutput.line(TaskDocument(result))
        case .sentences(let result): return try JSONOutput.line(SentenceTaskDocument(result))
        case .embeddings(let found): return try JSONOutput.line(EmbeddingDocument(found))
        }
    }
}

/// The keys of answers to questions.
struct TaskDocument: Encodable {
    let task: String
    let records: Int
    let acc: Double
    let accStandardError: Double?
    let accNorm: Double
    let accNormStandardError: Double?
    let tokens: Int
    let answers: [Int]
    /// Of each record's choices, in nats.
    let logLikelihoods: [[Double]]
    let seconds: Double

    init(_ result: TaskResult) {
        let scores = result.scores
        (task, records) = (result.task, result.answers.count)
        (acc, accStandardError) = (scores.accuracy.value, scores.accuracy.standardError)
        (accNorm, accNormStandardError) = (scores.normalizedAccuracy.value, scores.normalizedAccuracy.standardError)
        (tokens, answers, logLikelihoods) = (scores.scoredTokenCount, result.answers, scores.logLikelihoods)
        seconds = result.seconds
    }
}

/// The keys of classes of sentences.
struct SentenceTaskDocument: Encodable {
    let task: String
    let glueMetrics: [String]
    let records: Int
    let accuracy: Double?
    let accuracyStandardError: Double?
    let f1: Double?
    let f1StandardError: Double?
    let matthews: Double?
    let matthewsStandardError: Double?
    let pearson: Double?
    let pearsonStandardError: Double?
    let spearman: Double?
    let spearmanStandardError: Double?
    let truncated: Int
    let tokens: Int
    let answers: [Double]
    let predictions: [Double]
    let logits: [[Float]]
    let seconds: Double

    init(_ result: SentenceTaskResult) {
        let scores = result.scores
        func agreement(_ metric: SentenceTask.Metric) -> Agreement? { scores.agreements.first { $0.metric == metric }?.agreement }
        (task, glueMetrics, records) = (result.task.rawValue, result.task.metrics.map(\.rawValue), scores.answers.count)
        (accuracy, accuracyStandardError) = (agreement(.accuracy)?.value, agreement(.accuracy)?.standardError)
        (f1, f1StandardError) = (agreement(.f1)?.value, agreement(.f1)?.standardError)
        (matthews, matthewsStandardError) = (agreement(.matthews)?.value, agreement(.matthews)?.standardError)
        (pearson, pearsonStandardError) = (agreement(.pearson)?.value, agreement(.pearson)?.standardError)
        (spearman, spearmanStandardError) = (agreement(.spearman)?.value, agreement(.spearman)?.standardError)
        (truncated, tokens, seconds) = (scores.truncatedCount, scores.tokenCount, result.seconds)
        (answers, predictions, logits) = (scores.answers, scores.predictions, scores.logits)
    }
}

/// The keys of distances of embeddings.
struct EmbeddingDocument: Encodable {
    let meanDistance: Double
    let meanDistanceStandardError: Double?
    let sentences: Int
    let largestDistance: Double

    init(_ found: EmbeddingEvaluation) {
        (meanDistance, meanDistanceStandardError) = (found.meanDistance, found.standardError)
        (sentences, largestDistance) = (found.sentences, found.largestDistance)
    }
}
