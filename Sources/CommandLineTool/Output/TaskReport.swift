import Caplet

/// A model's answers to questions with choices, as `evaluate` prints them.
struct TaskReport {
    let result: TaskResult

    func print(_ session: Session) throws {
        if session.options.json {
            session.print(
                try JSONOutput.line(
                    TaskDocument(
                        task: result.task, records: result.answers.count, acc: result.scores.accuracy.value,
                        accStandardError: result.scores.accuracy.standardError, accNorm: result.scores.normalizedAccuracy.value,
                        accNormStandardError: result.scores.normalizedAccuracy.standardError, tokens: result.scores.scoredTokenCount,
                        answers: result.answers, logLikelihoods: result.scores.logLikelihoods, seconds: result.seconds)))
            return
        }
        func line(_ accuracy: TaskScores.Accuracy) -> String {
            NumberText.decimal(accuracy.value, places: 4) + (accuracy.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? "")
        }
        session.print("acc         \(line(result.scores.accuracy))  (by log-likelihood)")
        session.print("accNorm    \(line(result.scores.normalizedAccuracy))  (by log-likelihood a character)")
        session.print("task        \(result.task), \(NumberText.grouped(result.answers.count)) records")
        session.print(
            "time        \(NumberText.decimal(result.seconds, places: 2)) s, \(NumberText.grouped(result.scores.scoredTokenCount)) tokens scored"
        )
    }
}

/// The keys of `evaluate --task --json`.
private struct TaskDocument: Encodable {
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
}
