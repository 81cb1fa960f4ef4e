import Caplet

/// The document of `inspect --json`: everything that the text says, and every tensor.
struct InspectionDocument: Encodable {
    struct File: Encodable {
        let name: String
        let bytes: Int
    }

    struct Entry: Encodable {
        let name: String
        let role: String
        let shape: [Int]
        let dtype: String
        let kind: String
        let storage: String
        let storedTypes: [String]
        let rank: Int?
        let density: Double?
        let parameters: Int
        let bytes: Int
        let digest: String?
    }

    let path: String
    let format: String
    let architecture: String?
    let vision: String?
    let weights: Int
    let parameters: Int
    let tensorBytes: Int
    let fileBytes: Int
    let bitsPerWeight: Double
    let attachments: [File]
    let ties: [String: String]
    let provenance: [String: String]
    let digest: String?
    let sha256: String?
    let metadata: [String: EncodableMetadata]?
    let tensors: [Entry]

    init(_ summary: ModelSummary, _ graph: TensorGraph, metadata includesMetadata: Bool) {
        path = summary.path
        format = summary.format
        architecture = summary.architecture
        vision = summary.vision
        weights = summary.weights
        parameters = summary.parameters
        tensorBytes = summary.tensorBytes
        fileBytes = summary.fileBytes
        bitsPerWeight = summary.bitsPerWeight
        attachments = summary.attachments.map { File(name: $0.name, bytes: $0.bytes) }
        ties = Dictionary(summary.ties.map { ($0.name, $0.target) }) { first, _ in first }
        provenance = Dictionary(summary.provenance.map { ($0.key, $0.value) }) { first, _ in first }
        digest = summary.digest
        sha256 = summary.sha256
        let entries = graph.metadata.entries.map { ($0.key, EncodableMetadata(value: $0.value)) }
        metadata = includesMetadata ? Dictionary(entries) { first, _ in first } : nil
        tensors = summary.tensors.map { tensor in
            Entry(
                name: tensor.name, role: tensor.role.rawValue, shape: tensor.shape.dimensions, dtype: tensor.dtype.rawValue,
                kind: tensor.kind, storage: tensor.storage, storedTypes: tensor.storedTypes,
                rank: tensor.rank > 0 ? tensor.rank : nil, density: tensor.density, parameters: tensor.parameters,
                bytes: tensor.bytes, digest: tensor.digest)
        }
    }
}
