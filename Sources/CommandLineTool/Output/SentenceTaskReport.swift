import Caplet

/// What a model made of a data set of GLUE, as `evaluate` prints it.
struct SentenceTaskReport {
    let result: SentenceTaskResult

    func print(_ session: Session) throws {
        let scores = result.scores
        if session.options.json {
            session.print(try Evaluation.sentences(result).line(tokens: nil))
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
