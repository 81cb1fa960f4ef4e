import Architectures
import FormatKit
import ModelGraph

/// Between a graph's tensors and a file's: names, order of rows, dtypes. The graph has those of the Hugging Face checkpoint.
struct GGUFNaming {
    let family: ArchitectureFamily
    let configuration: ModelConfiguration

    /// Nil for a configuration of no known family, or of one whose names in GGUF are not known.
    init?(_ configuration: ModelConfiguration) {
        guard let family = ArchitectureFamily.named(configuration.architecture), family.isMappedToGGUF else { return nil }
        self.family = family
        self.configuration = configuration
    }

    /// A tensor of the graph as the file has it: vectors of 16-bit floats become F32, which llama.cpp wants and which is exact.
    func stored(_ tensor: GGUFTensor, path: String) throws -> GGUFTensor {
        guard let (rule, block) = family.rule(forName: tensor.name) else { return tensor }
        var result = tensor
        result.name = rule.gguf(block: block)
        if tensor.shape.rank == 1, tensor.type == .plain(.bf16) || tensor.type == .plain(.f16) {
            result.bytes = try DenseTensor(dtype: tensor.type.dtype, shape: tensor.shape, bytes: tensor.bytes).cast(to: .f32).bytes
            result.type = .plain(.f32)
        }
        guard let permutation = try permutation(rule, tensor, path: path) else { return result }
        return try result.permuted(permutation)
    }

    /// A tensor of the file as the graph has it, but for its dtype.
    func restored(_ tensor: GGUFTensor, path: String) throws -> GGUFTensor {
        guard let (rule, block) = family.rule(forGGUF: tensor.name) else { return tensor }
        var result = tensor
        result.name = rule.name(block: block)
        guard let permutation = try permutation(rule, tensor, path: path) else { return result }
        return try result.permuted(permutation.inverse)
    }

    private func permutation(_ rule: TensorRule, _ tensor: GGUFTensor, path: String) throws -> RowPermutation? {
        let heads: Int
        switch rule.layout {
        case .same: return nil
        case .interleavedQueryHeads: heads = configuration.headCount
        case .interleavedKeyHeads: heads = configuration.keyValueHeadCount
        }
        guard tensor.shape.rank == 2, tensor.shape.rows == heads * configuration.headSize,
            let permutation = RowPermutation(interleavingHalvesOf: heads, rows: tensor.shape.rows)
        else {
            throw FormatError.malformed(
                path, "tensor '\(tensor.name)'", "has shape \(tensor.shape); \(heads) heads of \(configuration.headSize) rows were expected"
            )
        }
        return permutation
    }
}
