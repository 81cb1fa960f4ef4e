import FormatKit
import GGUFFormat
import ModelGraph
import Models

/// What a language model sees with, written beside its GGUF file for llama.cpp.
struct VisionConversion {
    private let target: OutputTarget
    private let path: String
    private let graph: TensorGraph

    /// - Throws: `RequestError` for another format and a path that cannot be written; `FormatError.unsupported` for a model that does not see, or
    ///   whose tower llama.cpp's files do not say.
    init(_ model: Model, _ target: OutputTarget, path: String, _ context: RequestContext) throws {
        guard target.format.name == "gguf" else {
            throw RequestError(.usage, "an mmproj file goes with gguf; \(target.format.name) keeps the vision tower in the model")
        }
        guard model.quantization.isEmpty else {
            throw RequestError(
                .unsupported,
                "the weights are quantised (\(model.quantization.joined(separator: ", "))), which an mmproj file does not have",
                remedy: .applyScales)
        }
        if OutputStage.isSame(path, target.path) {
            throw RequestError(.usage, "\(path): is where the language model is to be, not what it sees with")
        }
        try OutputTarget.check(path, isFolder: false, replaces: target.options.force, context)
        (self.target, self.path) = (target, path)
        graph = try GGUFVision.graph(of: model.graph, name: target.options.modelName, path: path)
    }

    /// Writes it under a temporary name; it is committed with the language model, so that neither is there without the other.
    func prepare(_ context: RequestContext) throws -> PreparedWrite {
        var options = WriteOptions()
        options.force = target.options.force
        options.byteOrder = target.options.byteOrder
        return try GGUFFormat().prepare(graph, to: path, options, context.execution)
    }

    func written(_ plan: WritePlan) -> WrittenVision {
        WrittenVision(output: path, tensors: graph.tensors.count, bytes: plan.byteCount)
    }
}

extension Model {
    /// What the target has room for: of a model that sees a GGUF file has the language model, and a user is told what is left out.
    func fitted(to target: OutputTarget, _ context: RequestContext) throws -> Model {
        guard target.format.name == "gguf", let part = try GGUFVision.languageModel(of: graph) else { return self }
        if let warning = part.warning, !target.options.hasVisionElsewhere { context.warn(warning) }
        return try Model(part.graph, provenance: provenance)
    }
}
