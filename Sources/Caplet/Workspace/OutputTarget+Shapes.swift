import FormatKit
import Inference
import Models

extension OutputTarget {
    /// Refuses a GGUF file of a checkpoint whose tensors have other shapes than its configuration says: llama.cpp would not load it. A warning
    /// where that is what is wanted, and of what was in GGUF before.
    func checkShapes(of model: Model, at path: String, _ context: RequestContext) throws {
        guard format.name == "gguf" else { return }
        do {
            _ = try model.checkShapes()
        } catch let error as ModelError {
            // Tensors that are not there are the format's to find.
            guard case .wrongShape = error else { return }
            guard options.forcesNames || model.graph.metadata["general.architecture"] != nil else {
                throw RequestError(.unsupported, "\(path): \(error); llama.cpp would not load the file", remedy: .forceNames)
            }
            context.warn("\(path): \(error); llama.cpp will not load the file")
        }
    }
}
