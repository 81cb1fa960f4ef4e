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

/// How tensors of the checkpoint become those of the file.
enum VisionForm {
    case same
    /// F32 whatever the checkpoint has: positions.
    case floats
    /// 1 + w for w.
    case oneMore
    /// Queries, keys and values in tensors of their own, "qkv" of the name replaced.
    case threeParts
    /// The two depths of a kernel over time in tensors of their own.
    case twoDepths

    func tensors(_ dense: DenseTensor, name: String, source: String, path: String) throws -> [(String, DenseTensor)] {
        func refused(_ message: String) -> FormatError { .unsupported(path, "tensor '\(source)'", "has shape \(dense.shape); \(message)") }
        switch self {
        case .same: return [(name, try VisionForm.stored(dense))]
        case .floats: return [(name, try dense.cast(to: .f32))]
        case .oneMore:
            let floats = try dense.cast(to: .f32).floats().map { $0 + 1 }
            return [(name, try DenseTensor(floats: floats, shape: dense.shape))]
        case .threeParts:
            let sides = dense.shape.dimensions
            guard let rows = sides.first, rows > 0, rows % 3 == 0, let shape = Shape([rows / 3] + sides.dropFirst()) else {
                throw refused("queries, keys and values are three equal parts")
            }
            let size = dense.bytes.byteCount / 3
            return try ["attn_q", "attn_k", "attn_v"].enumerated().map { index, part in
                guard let bytes = SlicedBytes(dense.bytes, offset: index * size, byteCount: size) else {
                    throw refused("queries, keys and values are three equal parts")
                }
                return (
                    name.replacing("attn_qkv", with: part),
                    try VisionForm.stored(DenseTensor(dtype: dense.dtype, shape: shape, bytes: bytes))
                )
            }
        case .twoDepths:
            let sides = dense.shape.dimensions
            guard sides.count == 5, sides[2] == 2, let shape = Shape([sides[0], sides[1], sides[3], sides[4]]) else {
                throw refused("a kernel over two pictures has two depths in its third place")
            }
            let (floats, area) = (try dense.cast(to: .f32).floats(), sides[3] * sides[4])
            return try (0..<2).map { depth -> (String, DenseTensor) in
                var own: [Float] = []
                own.reserveCapacity(shape.elementCount)
                for kernel in 0..<sides[0] * sides[1] {
                    let start = (2 * kernel + depth) * area
                    own += floats[start..<start + area]
                }
                return (depth == 0 ? name : "\(name).1", try DenseTensor(floats: own, shape: shape))
            }
        }
    }

    /// Matrices in the dtypes that llama.cpp multiplies by, all else as F32.
    private static func stored(_ dense: DenseTensor) throws -> DenseTensor {
        dense.shape.rank == 2 && [.f32, .f16, .bf16].contains(dense.dtype) ? dense : try dense.cast(to: .f32)
    }
}
