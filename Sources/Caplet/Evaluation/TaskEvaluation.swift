import Calibration
import Dispatch
import Inference
import ModelGraph
import Models

/// A model's answers to questions with choices, or what one that sorts texts into classes makes of a data set of GLUE.
struct TaskEvaluation {
    let path: String
    let modelPath: String

    func run(_ transformer: Transformer, _ model: Model, _ context: RequestContext) throws -> Evaluation {
        try transformer.isCausal ? .task(answers(transformer, model, context)) : .sentences(classes(transformer, model, context))
    }

    private func classes(_ transformer: Transformer, _ model: Model, _ context: RequestContext) throws -> SentenceTaskResult {
        guard transformer.isClassifier else {
            throw RequestError(
                .unsupported,
                "\(modelPath): is an encoder without a classification head; tasks take one whose `architectures` in config.json is "
                    + "…ForSequenceClassification, or a model that predicts the next token")
        }
        guard let tokenizer = try context.naming(modelPath, { try model.sentenceTokenizer() }) else {
            throw RequestError(.unsupported, "\(modelPath): has no tokenizer.json, spm.model, vocab.json or vocab.txt")
        }
        let start = DispatchTime.now().uptimeNanoseconds
        let file: SentenceTaskFile
        let scores: SentenceScores
        do {
            file = try SentenceTaskFile(parsing: TokenisedText.plainText(of: path))
            scores = try context.naming(modelPath) { try SentenceScores(of: transformer, tokenizer, on: file, context.execution) }
        } catch let error as TaskError {
            throw RequestError(.malformedInput, "\(path): \(error)")
        }
        guard scores.logits.allSatisfy({ $0.allSatisfy(\.isFinite) }) else { throw GraphError.notFinite("\(modelPath): the classes") }
        if scores.labelsByOrder {
            context.warn(
                "\(modelPath): its classes have no names; those of \(path) are taken in the order that \(file.task.rawValue) has on the hub"
            )
        }
        if scores.truncatedCount > 0 {
            context.warn(
                "\(path): \(scores.truncatedCount) of \(file.records.count) records were cut to the model's \(transformer.configuration.contextLength) tokens"
            )
        }
        return SentenceTaskResult(
            task: file.task, scores: scores, seconds: Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
    }

    private func answers(_ transformer: Transformer, _ model: Model, _ context: RequestContext) throws -> TaskResult {
        guard let tokenizer = try context.naming(modelPath, { try model.tokenizer() }) else {
            throw RequestError(.unsupported, "\(modelPath): has no tokenizer.model or tokenizer.json")
        }
        let start = DispatchTime.now().uptimeNanoseconds
        let file: TaskFile
        let scores: TaskScores
        do {
            let text = try TokenisedText.plainText(of: path)
            do { file = try TaskFile(parsing: text) } catch  where error is TaskError && SentenceTaskFile.isKnown(text) {
                throw RequestError(
                    .unsupported,
                    "\(path): is a data set of GLUE, which takes an encoder with a classification head; \(modelPath) predicts the next token"
                )
            }
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

/// What a model that sorts texts into classes made of a data set of GLUE.
public struct SentenceTaskResult: Sendable {
    /// The data set, as far as its file tells.
    public let task: SentenceTask
    /// What was found, and how well that agrees with what is right.
    public let scores: SentenceScores
    /// Time of the measuring.
    public let seconds: Double
}
