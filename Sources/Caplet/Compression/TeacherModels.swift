import Architectures
import Calibration
import Execution
import FormatKit
import Inference
import ModelGraph
import Models
import PassKit
import Tokenization

/// The models that a pipeline's passes learn of, opened before the work: their weights stay in their files.
struct TeacherModels {
    /// By path, as the pipeline has it.
    let models: [String: Model]

    /// - Parameters:
    ///   - student: the model that learns.
    ///   - path: its path.
    /// - Throws: `RequestError` naming a teacher that does not go with the student, and what opening it throws.
    init(_ manager: PassManager, _ student: Model, _ path: String, _ context: RequestContext) throws {
        var models: [String: Model] = [:]
        for aim in manager.distillations {
            guard let teacher = aim.teacher else { continue }
            let model = try models[teacher] ?? context.open(teacher).model
            models[teacher] = model
            guard model.quantization.isEmpty else {
                throw RequestError(.unsupported, "\(teacher): \(ModelError.quantized(model.quantization))")
            }
            guard let own = student.configuration else { throw ModelError.unknownArchitecture(student.graph) }
            guard let other = model.configuration else {
                throw RequestError(.unsupported, "\(teacher): \(ModelError.unknownArchitecture(model.graph))")
            }
            try DistillationRules.check(aim, own, other)
            try TeacherModels.checkVocabulary(of: model, other, teacher, own, student, path)
        }
        self.models = models
    }

    /// Predictions are compared token by token: each has to mean the same to both. Rows that only fill the head up may differ.
    private static func checkVocabulary(
        of teacher: Model, _ configuration: ModelConfiguration, _ path: String, _ own: ModelConfiguration, _ student: Model,
        _ studentPath: String
    ) throws {
        func refused(_ difference: String) -> RequestError {
            RequestError(.usage, "\(path): \(difference); predictions are compared token by token")
        }
        guard let theirs = try teacher.tokenizer()?.vocabulary.pieces, let ours = try student.tokenizer()?.vocabulary.pieces else {
            guard configuration.vocabularySize != own.vocabularySize else { return }
            throw refused("has a vocabulary of \(configuration.vocabularySize) tokens, \(studentPath) one of \(own.vocabularySize)")
        }
        guard theirs.count == ours.count else {
            throw refused("its tokenizer has \(theirs.count) tokens, that of \(studentPath) \(ours.count)")
        }
        for (id, (a, b)) in zip(theirs, ours).enumerated() where a.text != b.text {
            throw refused("its token \(id) is '\(a.text)', that of \(studentPath) is '\(b.text)'")
        }
        guard min(configuration.vocabularySize, own.vocabularySize) >= ours.count else {
            throw refused("its head has \(configuration.vocabularySize) tokens, that of \(studentPath) \(own.vocabularySize)")
        }
    }

    /// What is in a teacher, in place of where it lies: digests of its tensors and of the hyperparameters that run them.
    func digest(_ path: String, _ execution: ExecutionContext) throws -> String {
        guard let model = models[path], let configuration = model.configuration else { return path }
        return "\(try ContentDigest.of(model.graph, execution)):\(configuration.digest)"
    }
}
