import Architectures
import CLibrary
import FormatKit
import ModelGraph
import Models

/// What a model is made of.
public struct ModelSummary: Sendable {
    /// Where the model is.
    public let path: String
    /// The name of its format.
    public let format: String
    /// The family, or what the file calls it; nil where nothing says.
    public let architecture: String?
    /// What a model that sees calls itself, of which `architecture` is the language model; nil for others.
    public let vision: String?
    /// Whether the family is one that can be run.
    public let isKnown: Bool
    /// What is wrong with the config.json of a family that is; nil where nothing is.
    public let brokenConfiguration: String?
    /// Each tensor, in the order of the file.
    public let tensors: [TensorSummary]
    /// Elements that the tensors stand for.
    public let weights: Int
    /// Numbers that are kept: r(m + n) of a low-rank term, non-zeros of a sparse one.
    public let parameters: Int
    /// Bytes of the tensors as they are stored, before a container compresses them.
    public let tensorBytes: Int
    /// Bytes of the file, or of all files of the folder.
    public let fileBytes: Int
    /// Bits of the files for each element that tensors stand for.
    public let bitsPerWeight: Double
    /// Files that travel with the model.
    public let attachments: [(name: String, bytes: Int)]
    /// Names that stand for another tensor.
    public let ties: [Tie]
    /// What made the model, in order.
    public let provenance: [(key: String, value: String)]
    /// The digest; nil where none was asked for.
    public let digest: String?
    /// The SHA-256 digest of all that the model holds; nil where none was asked for.
    public let sha256: String?

    init(_ path: String, _ model: Model, _ format: any FormatKit.Format, digests: ModelDigests?) throws {
        let graph = model.graph
        self.path = path
        self.format = format.name
        architecture = ModelConfiguration.architectureName(of: graph).map { model.configuration?.architecture ?? $0 }
        isKnown = model.configuration != nil
        brokenConfiguration = model.brokenConfiguration?.description
        vision = model.configuration?.vision?.modelType
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
    /// Of each tensor, in order.
    public let tensors: [String]
    /// Of all that the model holds: finds forgeries too.
    public let sha256: String
}

/// What a tensor is made of.
public struct TensorSummary: Sendable {
    /// The name.
    public let name: String
    /// What part it plays in the model.
    public let role: TensorRole
    /// The shape.
    public let shape: Shape
    /// The dtype it densifies to.
    public let dtype: DType
    /// What kind of payload it has, such as "composite".
    public let kind: String
    /// How it is stored, such as "lowRank F16 + sparse F16".
    public let storage: String
    /// The dtypes or blocks of its parts.
    public let storedTypes: [String]
    /// Of its low-rank terms together; 0 without.
    public let rank: Int
    /// Share of the positions that its sparse term keeps; nil without.
    public let density: Double?
    /// Numbers that are kept: r(m + n) of a low-rank term, non-zeros of a sparse one.
    public let parameters: Int
    /// Bytes as it is stored.
    public let bytes: Int
    /// The digest; nil where none was asked for.
    public let digest: String?

    init(_ tensor: Tensor, digest: String?) {
        name = tensor.name
        role = tensor.role
        shape = tensor.shape
        dtype = tensor.dtype
        // Blocks are dense to who reads this: `storage` says which.
        if case .blocks = tensor.payload { kind = "dense" } else { kind = tensor.payload.kindName }
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
    /// Those of the file, or of the files in a folder.
    ///
    /// - Parameter depth: how deep folders in it are looked into.
    static func bytes(at path: String, depth: Int = 1) -> Int {
        var status = stat()
        guard stat(path, &status) == 0 else { return 0 }
        guard status.st_mode & S_IFMT == S_IFDIR else { return Int(status.st_size) }
        let names = ((try? FolderListing.names(in: path)) ?? []).filter { $0 != FolderManifest.fileName }
        return names.reduce(0) { sum, name in
            var status = stat()
            guard lstat("\(path)/\(name)", &status) == 0 else { return sum }
            // What sentence-transformers keeps in folders of their own.
            if status.st_mode & S_IFMT == S_IFDIR, depth > 0 { return sum + bytes(at: "\(path)/\(name)", depth: depth - 1) }
            guard stat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return sum }
            return sum + Int(status.st_size)
        }
    }
}
