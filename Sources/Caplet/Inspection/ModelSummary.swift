import FormatKit
import Glibc
import ModelGraph
import Models

/// What a model is made of.
public struct ModelSummary: Sendable {
    public let path: String
    public let format: String
    public let architecture: String?
    public let tensors: [TensorSummary]
    /// Elements that the tensors stand for.
    public let weights: Int
    public let parameters: Int
    public let tensorBytes: Int
    public let fileBytes: Int
    public let bitsPerWeight: Double
    public let attachments: [(name: String, bytes: Int)]
    public let ties: [Tie]
    public let provenance: [(key: String, value: String)]
    public let digest: String?
    public let sha256: String?

    init(_ path: String, _ model: Model, _ format: any FormatKit.Format, digests: ModelDigests?) throws {
        let graph = model.graph
        self.path = path
        self.format = format.name
        architecture = graph.structure.architecture
        tensors = graph.tensors.enumerated().map { TensorSummary($1, digest: digests?.tensors[$0]) }
        weights = graph.tensors.reduce(0) { $0 + $1.shape.elementCount }
        parameters = graph.parameterCount
        tensorBytes = graph.byteCount
        fileBytes = FileSize.bytes(at: path)
        bitsPerWeight = weights == 0 ? 0 : Double(fileBytes) * 8 / Double(weights)
        attachments = graph.attachments.map { ($0.name, $0.bytes.count) }
        ties = graph.ties
        provenance = model.provenance
        digest = digests?.model
        sha256 = digests?.sha256
    }
}

/// Digests of what a model holds.
public struct ModelDigests: Sendable {
    /// XXH3 of the values, of all and tensor by tensor: finds accidents.
    public let model: String
    public let tensors: [String]
    /// Of all that the model holds: finds forgeries too.
    public let sha256: String
}

/// What a tensor is made of.
public struct TensorSummary: Sendable {
    public let name: String
    public let role: TensorRole
    public let shape: Shape
    /// The dtype it densifies to.
    public let dtype: DType
    public let kind: String
    public let storage: String
    public let storedTypes: [String]
    public let rank: Int
    public let density: Double?
    public let parameters: Int
    public let bytes: Int
    public let digest: String?

    init(_ tensor: Tensor, digest: String?) {
        name = tensor.name
        role = tensor.role
        shape = tensor.shape
        dtype = tensor.dtype
        kind = tensor.payload.kindName
        storage = tensor.payload.storageText
        storedTypes = tensor.payload.storedTypes
        rank = tensor.payload.rank
        density = tensor.payload.density
        parameters = tensor.payload.parameterCount
        bytes = tensor.payload.byteCount
        self.digest = digest
    }
}

/// Bytes of a file, or of the regular files in a folder; not those of the list that a written folder has of them.
enum FileSize {
    static func bytes(at path: String) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        guard status.st_mode & S_IFMT == S_IFDIR else { return Int(status.st_size) }
        let names = ((try? FolderListing.names(in: path)) ?? []).filter { $0 != FolderManifest.fileName }
        return names.reduce(0) { sum, name in
            var status = stat()
            guard stat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return sum }
            return sum + Int(status.st_size)
        }
    }
}
