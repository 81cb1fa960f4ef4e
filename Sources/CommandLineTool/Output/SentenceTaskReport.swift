import Caplet

/// What a model made of a data set of GLUE, as `evaluate` prints it.
struct SentenceTaskReport {
    let result: SentenceTaskResult

    func print(_ session: Session) throws {
        let scores = result.scores
        if session.options.json {
            func agreement(_ metric: SentenceTask.Metric) -> Agreement? { scores.agreements.first { $0.metric == metric }?.agreement }
            session.print(
                try JSONOutput.line(
                    SentenceTaskDocument(
                        task: result.task.rawValue, glueMetrics: result.task.metrics.map(\.rawValue), records: scores.answers.count,
                        accuracy: agreement(.accuracy)?.value, accuracyStandardError: agreement(.accuracy)?.standardError,
                        f1: agreement(.f1)?.value, f1StandardError: agreement(.f1)?.standardError,
                        matthews: agreement(.matthews)?.value, matthewsStandardError: agreement(.matthews)?.standardError,
                        pearson: agreement(.pearson)?.value, pearsonStandardError: agreement(.pearson)?.standardError,
                        spearman: agreement(.spearman)?.value, spearmanStandardError: agreement(.spearman)?.standardError,
                        truncated: scores.truncatedCount, tokens: scores.tokenCount, answers: scores.answers,
                        predictions: scores.predictions, logits: scores.logits, seconds: result.seconds)))
            return
        }
        // GLUE's own come first.
        let own = scores.agreements.filter { result.task.metrics.contains($0.metric) }
        for (metric, agreement) in own + scores.agreements.filter({ !result.task.metrics.contains($0.metric) }) {
            let name = metric.rawValue + String(repeating: " ", count: 12 - metric.rawValue.utf8.count)
            let value = agreement.value.map { NumberText.decimal($0, places: 4) } ?? "not defined: all are the same"
            let error = agreement.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? ""
            session.print("\(name)\(value)\(error)\(result.task.metrics.contains(metric) ? "  (GLUE's for \(result.task.rawValue))" : "")")
        }
        session.print("task        \(result.task.rawValue), \(NumberText.grouped(scores.answers.count)) records")
        session.print("time        \(NumberText.decimal(result.seconds, places: 2)) s, \(NumberText.grouped(scores.tokenCount)) tokens")
    }
}

/// The keys of `evaluate --task --json` for an encoder.
private struct SentenceTaskDocument: Encodable {
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
}
