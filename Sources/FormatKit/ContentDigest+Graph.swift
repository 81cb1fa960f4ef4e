import Execution
import Glibc
import ModelGraph

/// Digests as 32 hexadecimal digits.
extension ContentDigest {
    /// The digest of a file's bytes.
    public static func of(file path: String) throws -> String { try MappedFile(path: path).withBytes { ContentDigest(of: $0).hexadecimal } }

    /// The digest of a dense tensor's dtype, shape and elements; the same in every format that stores them the same.
    public static func of(_ tensor: DenseTensor) throws -> String {
        let content = try tensor.bytes.withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
        let description = "\(tensor.dtype.rawValue) \(tensor.shape) \(content)"
        return Array(description.utf8).withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
    }

    /// The digest of a tensor's values, however they are stored: those that are not dense count as what they densify to, in F32.
    public static func of(_ tensor: Tensor) throws -> String {
        guard case .dense(let dense) = tensor.payload else { return try of(tensor.payload.densified(as: .f32)) }
        return try of(dense)
    }

    /// The digest of a graph: of names and tensors' digests, whatever their order.
    public static func of(_ graph: TensorGraph, _ execution: ExecutionContext) throws -> String {
        let tensors = graph.tensors.sorted { $0.name < $1.name }
        let digests = try execution.parallelMap(tensors.count) { try of(tensors[$0]) }
        let text = zip(tensors, digests).map { "\($0.name) \($1)\n" }.joined()
        return Array(text.utf8).withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
    }
}
