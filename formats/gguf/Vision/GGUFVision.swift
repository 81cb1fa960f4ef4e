import Architectures
import FormatKit
import ModelGraph
import StrictJSON

/// What a language model sees with, as llama.cpp loads it beside the model's file (`mmproj`): the vision tower and the projector under its names,
/// with keys of `clip.vision`.
public enum GGUFVision {
    /// The language model of one that sees as well, which is all that llama.cpp's file of a model has, and what a user is told of the rest.
    ///
    /// - Returns: nil for any other model, and for one whose files say too little: that is refused when the model's keys are made.
    /// - Throws: `GraphError` for two tensors of one name.
    public static func languageModel(of whole: TensorGraph) throws -> (graph: TensorGraph, warning: String?)? {
        guard let configuration = try? GGUFModel.configuration(of: whole), let part = try whole.languageModel(configuration) else {
            return nil
        }
        let warning = part.leftOut.first.map { first in
            "the file holds the language model: \(part.leftOut.count) tensors of the vision tower and projector are left out, "
                + "'\(first.name)' the first"
        }
        return (part.graph, warning)
    }

    /// The tensors and keys of the file.
    ///
    /// Vectors, kernels and positions are stored as F32, which llama.cpp wants; matrices as F32, F16 or BF16, which they are.
    /// - Parameter graph: the whole model, with its config.json and preprocessor_config.json.
    /// - Throws: `FormatError.unsupported` for a model that does not see, or not as llama.cpp's files say it.
    public static func graph(of graph: TensorGraph, name: String?, path: String) throws -> TensorGraph {
        let settings = try VisionSettings(graph, path: path)
        let names = VisionNames(settings)
        var found: [String: DenseTensor] = [:]
        var order: [String] = []
        for tensor in graph.tensors where tensor.role == .vision {
            guard let place = names.place(of: tensor.name) else {
                throw FormatError.unsupported(
                    path, "tensor '\(tensor.name)'", "has no place in an mmproj file for \(settings.kind.rawValue)")
            }
            guard case .stored(let name, let form) = place else { continue }
            for (name, dense) in try form.tensors(tensor.denseForStorage(), name: name, source: tensor.name, path: path) {
                guard found.updateValue(dense, forKey: name) == nil else {
                    throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "is the second that '\(name)' would be made of")
                }
                order.append(name)
            }
        }
        if settings.kind.isPixtral {
            found[BreakToken.tensorName] = try BreakToken.embedding(of: graph, path: path)
            order.append(BreakToken.tensorName)
        }
        if let missing = names.needed.first(where: { found[$0] == nil }) {
            throw FormatError.unsupported(
                path, "", "the model has no tensor for '\(missing)', which llama.cpp wants for \(settings.kind.rawValue)")
        }
        var vision = TensorGraph()
        vision.metadata["general.architecture"] = .string("clip")
        vision.metadata["general.type"] = .string("mmproj")
        if let name { vision.metadata["general.name"] = .string(name) }
        let halves = order.filter { found[$0]?.shape.rank == 2 && found[$0]?.dtype != .f32 }
        // llama.cpp's numbers: all F32, mostly F16, mostly BF16.
        let fileType: UInt32 = halves.first.flatMap { found[$0]?.dtype }.map { $0 == .bf16 ? 32 : 1 } ?? 0
        vision.metadata["general.file_type"] = .uint32(fileType)
        vision.metadata["general.quantization_version"] = .uint32(2)
        for (key, value) in settings.metadata { vision.metadata[key] = value }
        for name in order { if let dense = found[name] { try vision.append(Tensor(name: name, dense: dense)) } }
        return vision
    }
}
