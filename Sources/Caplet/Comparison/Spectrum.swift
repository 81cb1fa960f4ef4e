import Execution
import LinearAlgebra
import ModelGraph

/// The singular values of one linear layer, largest first.
public struct Spectrum: Codable, Sendable {
    /// The name.
    public let name: String
    /// The block that it belongs to.
    public let block: Int
    /// The singular values, descending.
    public let singularValues: [Float]

    /// A matrix beyond this many elements is left out: its values take minutes, and a chart of a smaller one says the same.
    static let largestMatrix = 1 << 24

    /// Those of the first, the middle and the last block.
    static func some(of graph: TensorGraph, _ execution: ExecutionContext) throws -> [Spectrum] {
        let blocks = graph.structure.blockCount
        let chosen = Set([0, blocks / 2, blocks - 1])
        let layers = graph.tensors.compactMap { tensor -> (tensor: Tensor, block: Int)? in
            guard tensor.role == .linear, let block = graph.structure.block(of: tensor.name), chosen.contains(block) else { return nil }
            return tensor.shape.elementCount <= largestMatrix ? (tensor, block) : nil
        }
        return try execution.parallelMap(layers.count) { index in
            let (tensor, block) = layers[index]
            let values = try tensor.payload.densifiedMatrix().singularValueDecomposition().singularValues
            return Spectrum(name: tensor.name, block: block, singularValues: values)
        }
    }

    var kind: String { LayerName.kind(of: name, block: block) }
}

/// Parts of a linear layer's name.
enum LayerName {
    /// The name without its block: "self_attn.q_proj".
    static func kind(of name: String, block: Int?) -> String {
        guard let block, let range = name.firstRange(of: ".\(block).") else { return name }
        let rest = String(name[range.upperBound...])
        return rest.hasSuffix(".weight") ? String(rest.dropLast(7)) : rest
    }
}
