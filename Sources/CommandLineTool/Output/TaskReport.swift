import Caplet

/// A model's answers to questions with choices, as `evaluate` prints them.
struct TaskReport {
    let result: TaskResult

    func print(_ session: Session) throws {
        if session.options.json {
            session.print(try Evaluation.task(result).line(tokens: nil))
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
