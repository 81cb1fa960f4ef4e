import FormatKit
import Glibc
import ModelGraph

/// What `inspect` says of a model.
struct ModelSummary {
    let path: String
    let format: String
    let architecture: String?
    let tensors: [TensorSummary]
    /// Elements that the tensors stand for.
    let weights: Int
    let parameters: Int
    let tensorBytes: Int
    let fileBytes: Int
    let bitsPerWeight: Double
    let attachments: [(name: String, bytes: Int)]
    let ties: [Tie]
    let provenance: [(key: String, value: String)]
    let digest: String?
    let sha256: String?

    init(_ path: String, _ graph: TensorGraph, _ format: any FormatKit.Format, digests: ModelDigests?) throws {
        self.path = path
        self.format = format.name
        architecture = graph.structure.architecture ?? graph.metadata["general.architecture"]?.string
        tensors = graph.tensors.enumerated().map { TensorSummary($1, digest: digests?.tensors[$0]) }
        weights = graph.tensors.reduce(0) { $0 + $1.shape.elementCount }
        parameters = graph.parameterCount
        tensorBytes = graph.byteCount
        fileBytes = FileSize.bytes(at: path)
        bitsPerWeight = weights == 0 ? 0 : Double(fileBytes) * 8 / Double(weights)
        attachments = graph.attachments.map { ($0.name, $0.bytes.count) }
        ties = graph.ties
        provenance = format is any ProvenanceFormat ? graph.provenance : ModelSummary.provenance(graph.metadata)
        digest = digests?.model
        sha256 = digests?.sha256
    }

    /// Formats without a place of their own for it keep it under `caplet.` in their metadata.
    private static func provenance(_ metadata: Metadata) -> [(key: String, value: String)] {
        metadata.entries.compactMap { key, value in
            let plain = key.hasPrefix("safetensors.") ? String(key.dropFirst("safetensors.".count)) : key
            guard plain.hasPrefix("caplet."), let text = value.string else { return nil }
            return (String(plain.dropFirst("caplet.".count)), text)
        }
    }

    var headerLines: [String] {
        var lines = ["\(path): \(format)\(architecture.map { ", \($0)" } ?? "")"]
        func add(_ label: String, _ text: String) {
            lines.append(label + String(repeating: " ", count: max(1, 14 - label.count)) + text)
        }
        let kept = parameters == weights ? "" : " for \(NumberText.grouped(weights)) weights"
        add("parameters", "\(NumberText.grouped(parameters))\(kept), \(tensors.count) tensors")
        add("tensor bytes", NumberText.grouped(tensorBytes))
        add("file bytes", "\(NumberText.grouped(fileBytes)), \(NumberText.decimal(bitsPerWeight, places: 2)) bits a weight")
        for tie in ties { add("tied", "\(tie.name) is \(tie.target)") }
        if !attachments.isEmpty {
            add("files", attachments.map { "\($0.name) (\(NumberText.grouped($0.bytes)))" }.joined(separator: ", "))
        }
        for (key, value) in provenance { add(key, value) }
        if let digest { add("digest", digest) }
        if let sha256 { add("sha256", sha256) }
        return lines
    }
}

/// What `inspect --hash` computes.
struct ModelDigests {
    /// XXH3 of the values, of all and tensor by tensor: finds accidents.
    let model: String
    let tensors: [String]
    /// Of all that the model holds: finds forgeries too.
    let sha256: String
}

/// What `inspect` says of a tensor.
struct TensorSummary {
    let name: String
    let role: TensorRole
    let shape: Shape
    /// The dtype it densifies to.
    let dtype: DType
    let kind: String
    let storage: String
    let storedTypes: [String]
    let rank: Int
    let density: Double?
    let parameters: Int
    let bytes: Int
    let digest: String?

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
