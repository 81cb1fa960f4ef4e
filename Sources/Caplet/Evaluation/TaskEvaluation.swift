import Calibration
import Dispatch
import Inference
import Models

/// A model's answers to questions with choices.
struct TaskEvaluation {
    let path: String
    let modelPath: String

    func run(_ transformer: Transformer, _ model: Model, _ context: RequestContext) throws -> TaskResult {
        guard transformer.isCausal else {
            throw RequestError(.unsupported, "\(modelPath): is an encoder, which gives text no likelihood; tasks take models that predict")
        }
        guard let tokenizer = try context.naming(modelPath, { try model.tokenizer() }) else {
            throw RequestError(.unsupported, "\(modelPath): has no tokenizer.model or tokenizer.json")
        }
        let start = DispatchTime.now().uptimeNanoseconds
        let file: TaskFile
        let scores: TaskScores
        do {
            file = try TaskFile(parsing: TokenisedText.plainText(of: path))
            scores = try context.naming(modelPath) { try TaskScores(of: transformer, tokenizer, on: file.records, context.execution) }
        } catch let error as TaskError {
            throw RequestError(.malformedInput, "\(path): \(error)")
        }
        if scores.truncatedCount > 0 {
            context.warn("\(path): \(scores.truncatedCount) contexts lost their beginning to fit the model's context")
        }
        return TaskResult(
            task: file.shape.rawValue, answers: file.records.map(\.answer), scores: scores,
            seconds: Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
    }
}

/// What a model's answers to questions with choices came to.
public struct TaskResult: Sendable {
    /// The shape of the records, such as "piqa".
    public let task: String
    /// The right choice of each record.
    public let answers: [Int]
    /// Log-likelihoods of the choices, and accuracies by them.
    public let scores: TaskScores
    /// Time of the measuring.
    public let seconds: Double
}
