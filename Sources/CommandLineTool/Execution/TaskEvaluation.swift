import Calibration
import Dispatch
import ModelGraph
import TransformerModel

/// `evaluate --task`: a model's answers to questions with choices.
struct TaskEvaluation {
    let task: String
    let modelPath: String

    func run(_ model: Transformer, _ graph: TensorGraph, _ session: Session) throws {
        guard model.isCausal else {
            throw CommandError(
                .unsupported, "\(modelPath): is an encoder, which gives text no likelihood; --task takes models that predict")
        }
        guard let tokenizer = try session.naming(modelPath, { try graph.tokenizer() }) else {
            throw CommandError(.unsupported, "\(modelPath): has no tokenizer.model or tokenizer.json")
        }
        let start = DispatchTime.now().uptimeNanoseconds
        let file: TaskFile
        let scores: TaskScores
        do {
            file = try TaskFile(parsing: CalibrationText.text(of: task))
            scores = try session.naming(modelPath) { try TaskScores(of: model, tokenizer, on: file.records, session.execution) }
        } catch let error as TaskError {
            throw CommandError(.malformedInput, "\(task): \(error)")
        }
        if scores.truncatedCount > 0 {
            session.diagnostics.warning("\(task): \(scores.truncatedCount) contexts lost their beginning to fit the model's context")
        }
        try print(file, scores, Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9, session)
    }

    private func print(_ file: TaskFile, _ scores: TaskScores, _ seconds: Double, _ session: Session) throws {
        if session.options.json {
            session.print(
                try JSONOutput.line(
                    TaskResult(
                        task: file.shape.rawValue, records: file.records.count, acc: scores.accuracy.value,
                        acc_standard_error: scores.accuracy.standardError, acc_norm: scores.normalizedAccuracy.value,
                        acc_norm_standard_error: scores.normalizedAccuracy.standardError, tokens: scores.scoredTokenCount,
                        answers: file.records.map(\.answer), log_likelihoods: scores.logLikelihoods, seconds: seconds)))
            return
        }
        func line(_ accuracy: TaskScores.Accuracy) -> String {
            NumberText.decimal(accuracy.value, places: 4) + (accuracy.standardError.map { " ± \(NumberText.decimal($0, places: 4))" } ?? "")
        }
        session.print("acc         \(line(scores.accuracy))  (by log-likelihood)")
        session.print("acc_norm    \(line(scores.normalizedAccuracy))  (by log-likelihood a character)")
        session.print("task        \(file.shape.rawValue), \(NumberText.grouped(file.records.count)) records")
        session.print(
            "time        \(NumberText.decimal(seconds, places: 2)) s, \(NumberText.grouped(scores.scoredTokenCount)) tokens scored")
    }
}

/// The keys of `evaluate --task --json`.
private struct TaskResult: Encodable {
    let task: String
    let records: Int
    let acc: Double
    let acc_standard_error: Double?
    let acc_norm: Double
    let acc_norm_standard_error: Double?
    let tokens: Int
    let answers: [Int]
    /// Of each record's choices, in nats.
    let log_likelihoods: [[Double]]
    let seconds: Double
}
