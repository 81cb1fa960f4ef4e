import Execution
import CLibrary
import ModelGraph

/// Digests as 32 hexadecimal digits.
extension ContentDigest {
    /// The digest of a file's bytes.
    public static func of(file path: String) throws -> String { try MappedFile(path: path).withBytes { ContentDigest(of: $0).hexadecimal } }

    /// The digest of a dense tensor's dtype, shape and elements; the same in every format that stores them the same. Elements are read
    /// piece by piece.
    ///
    /// - Parameter count: pieces that may be in memory at once.
    public static func of(_ tensor: DenseTensor, atOnce count: Int = 1) throws -> String {
        let stream = DigestStream()
        try tensor.bytes.forEachPiece(atOnce: count) { stream.add($0) }
        guard let content = stream.digest?.hexadecimal else { throw FileAccessError(path: "digest", code: ENOMEM) }
        let description = "\(tensor.dtype.rawValue) \(tensor.shape) \(content)"
        return Array(description.utf8).withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
    }

    /// The digest of a tensor's values, however they are stored: those that are not dense count as what they densify to, in F32.
    public static func of(_ tensor: Tensor) throws -> String { try of(plain(tensor)) }

    private static func plain(_ tensor: Tensor) throws -> DenseTensor {
        if case .dense(let dense) = tensor.payload { dense } else { try tensor.payload.densified(as: .f32) }
    }

    /// The digests of all tensors of a graph, in its order.
    public static func ofTensors(_ graph: TensorGraph, _ execution: ExecutionContext) throws -> [String] {
        let tensors = try graph.tensors.map { try plain($0) }
        return try execution.mapReading(tensors.map { PieceReading([$0.bytes]) }) { try of(tensors[$0], atOnce: $1) }
    }

    /// The digest of a graph: of names and tensors' digests, whatever their order.
    public static func of(_ graph: TensorGraph, _ execution: ExecutionContext) throws -> String {
        of(graph, try ofTensors(graph, execution))
    }

    /// The same, of the digests that `ofTensors` gives.
    public static func of(_ graph: TensorGraph, _ digests: [String]) -> String {
        let lines = zip(graph.tensors.map(\.name), digests).sorted { $0.0 < $1.0 }
        let text = lines.map { "\($0) \($1)\n" }.joined()
        return Array(text.utf8).withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
    }
}
