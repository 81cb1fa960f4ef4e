import Architectures
import FormatKit
import Matrices
import ModelGraph

/// A LoRA adapter as llama.cpp loads it: pairs `NAME.lora_a` = V [r, in] and `NAME.lora_b` = U [out, r] under the base's names.
///
/// llama.cpp multiplies a pair by alpha / r, r the pair's rank, with one alpha for all. With alpha the largest rank R, U is stored
/// times r / R, so that the update is U·V whatever the rank.
public enum GGUFAdapter {
    /// Why llama.cpp cannot adapt a tensor of the graph; nil where it can.
    ///
    /// - Throws: `FormatError.unsupported` when the model is not one that llama.cpp loads.
    public static func reasonAgainst(_ graph: TensorGraph, path: String) throws -> (Tensor) -> String? {
        let naming = try naming(graph, path)
        return { tensor in
            guard [.linear, .head].contains(tensor.role) else { return "is no linear layer (role \(tensor.role.rawValue))" }
            guard let rule = naming.family.rule(forName: tensor.name)?.rule, !rule.gguf.isEmpty else { return "has no name in GGUF" }
            if rule.isOfPart { return "is one of the experts that llama.cpp has in one tensor" }
            return rowLayouts.contains(rule.layout) ? nil : "does not lie in GGUF as it does here"
        }
    }

    /// Layouts that change the order of rows at most: of U·V, those of U.
    private static let rowLayouts: [TensorLayout] = [.same, .interleavedQueryHeads, .interleavedKeyHeads, .grouped, .transposed]

    /// The adapter's tensors and keys.
    ///
    /// - Parameters:
    ///   - graph: the model, for its names and heads.
    ///   - storage: F32, F16, BF16 or Q8_0; where rows are no whole blocks, F16.
    /// - Throws: `FormatError`; `GraphError.notComputable` for a value that the dtype cannot hold.
    public static func graph(
        of graph: TensorGraph, factors: [(name: String, u: Matrix, v: Matrix)], storage: FloatStorage, name: String?, path: String
    ) throws -> TensorGraph {
        let naming = try naming(graph, path)
        let alpha = factors.map(\.u.columns).max() ?? 0
        var adapter = TensorGraph()
        adapter.metadata["general.type"] = .string("adapter")
        adapter.metadata["general.architecture"] = .string(naming.ggufName)
        if let name { adapter.metadata["general.name"] = .string(name) }
        adapter.metadata["adapter.type"] = .string("lora")
        adapter.metadata["adapter.lora.alpha"] = .float32(Float(alpha))
        for (name, u, v) in factors {
            var scaled = u
            let scale = Float(u.columns) / Float(alpha)
            if scale != 1 { for index in scaled.elements.indices { scaled.elements[index] *= scale } }
            let dense = try DenseTensor(scaled, dtype: .f32)
            let plain = GGUFTensor(name: name, type: .plain(.f32), shape: dense.shape, bytes: dense.bytes)
            let stored = try naming.stored(plain, path: path)
            let rows = try DenseTensor(dtype: .f32, shape: stored.shape, bytes: stored.bytes)
            try adapter.append(tensor(stored.name + ".lora_a", try DenseTensor(v, dtype: .f32), storage))
            try adapter.append(tensor(stored.name + ".lora_b", rows, storage))
        }
        return adapter
    }

    private static func naming(_ graph: TensorGraph, _ path: String) throws -> GGUFNaming {
        guard let configuration = try ModelConfiguration(of: graph),
            let naming = GGUFNaming(configuration, prefix: configuration.family?.prefix(graph.contains))
        else {
            throw FormatError.unsupported(path, "", "the model's architecture is not known; llama.cpp adapts models that it loads")
        }
        return naming
    }

    private static func tensor(_ name: String, _ dense: DenseTensor, _ storage: FloatStorage) throws -> Tensor {
        var graph = TensorGraph()
        try graph.append(Tensor(name: name, dense: dense))
        let isWhole = storage != .q8_0 || dense.shape.columns % QuantizedTensor.q8_0GroupSize == 0
        return try graph.cast(to: isWhole ? storage : .plain(.f16)).graph.tensors[0]
    }
}
