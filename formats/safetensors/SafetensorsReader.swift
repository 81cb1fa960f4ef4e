import FormatKit
import ModelGraph

/// Reads files and folders into graphs.
struct SafetensorsReader {
    private let context: ReadContext
    static let metadataPrefix = "safetensors."
    /// The member of `__metadata__` with a `GraphDocument`.
    static let documentKey = "caplet.graph"

    init(_ context: ReadContext) { self.context = context }

    func readFile(_ path: String) throws -> TensorGraph {
        var graph = TensorGraph()
        try add(path, as: "", to: &graph)
        return OriginalHeaders(graph).kept
    }

    /// `model.safetensors`, or the index and its shards, or a whole set of shards, or the only file with weights.
    func readFolder(_ path: String, entries: [String]) throws -> TensorGraph {
        var graph = TensorGraph()
        if let stamp = FileStamp(path: path) { graph.sources.append(stamp) }
        let weights = entries.filter { $0.hasSuffix(".safetensors") }
        if entries.contains(SafetensorsFormat.singleName) {
            try addWeights(SafetensorsFormat.singleName, of: path, to: &graph)
        } else if entries.contains(SafetensorsFormat.indexName) {
            try addShards(of: path, to: &graph)
        } else if let shards = try ShardSet(path, weights, ending: ".safetensors") {
            try shards.read(context) { try add($0, as: $0.lastComponent, to: &graph) }
        } else if weights.count == 1 {
            try addWeights(weights[0], of: path, to: &graph)
        } else {
            throw FormatError.malformed(
                path, "",
                "has \(weights.count) files of weights, \(weights.prefix(3).joined(separator: ", "))\(weights.count > 3 ? " …" : ""), and neither"
                    + " \(SafetensorsFormat.singleName) nor \(SafetensorsFormat.indexName); name one of them")
        }
        try ModelFolder.addAttachments(of: path, to: &graph, context)
        return OriginalHeaders(graph).kept
    }

    private func addWeights(_ name: String, of folder: String, to graph: inout TensorGraph) throws {
        ModelFolder.warnOfLink(name, in: folder, context)
        try add("\(folder)/\(name)", as: name, to: &graph)
    }

    private func addShards(of folder: String, to graph: inout TensorGraph) throws {
        let path = "\(folder)/\(SafetensorsFormat.indexName)"
        let index = try ShardIndex(path, ending: ".safetensors")
        if let stamp = index.stamp { graph.sources.append(stamp) }
        let bytes = try MappedFile.content(path: path).withBytes { Array($0) }
        graph.fileHeaders.append(FileHeader(format: SafetensorsFormat.formatName, name: SafetensorsFormat.indexName, bytes: bytes))
        try index.readShards(of: folder, context) { try add($0, as: $0.lastComponent, to: &graph, keeping: $1) }
    }

    /// Adds the metadata of one file and of its tensors those that are wanted, and returns the names of all of them.
    ///
    /// - Parameter name: the file's in its folder; empty for a file by itself.
    @discardableResult
    private func add(
        _ path: String, as name: String, to graph: inout TensorGraph, keeping isWanted: (String) -> Bool = { _ in true }
    ) throws -> [String] {
        let file = try MappedFile.content(path: path)
        graph.sources.append(file.stamp)
        let header = try file.withBytes { try SafetensorsHeader($0, path: path) }
        let bytes = file.withBytes { Array($0.prefix(header.dataStart)) }
        graph.fileHeaders.append(FileHeader(format: SafetensorsFormat.formatName, name: name, bytes: bytes))
        for entry in header.entries where isWanted(entry.name) {
            guard let bytes = MappedBytes(file, offset: header.dataStart + entry.begin, byteCount: entry.end - entry.begin) else {
                throw FormatError.malformed(path, "tensor '\(entry.name)'", "lies outside the file")
            }
            guard !graph.contains(entry.name) else {
                throw FormatError.malformed(path, "tensor '\(entry.name)'", "is in another shard too")
            }
            let dense = try DenseTensor(dtype: entry.dtype, shape: entry.shape, bytes: bytes)
            try graph.append(Tensor(name: entry.name, dense: dense))
        }
        try addMetadata(header.metadata, path, to: &graph)
        return header.entries.map(\.name)
    }

    private func addMetadata(_ metadata: [(key: String, value: String)], _ path: String, to graph: inout TensorGraph) throws {
        for (key, value) in metadata {
            if key == SafetensorsReader.documentKey {
                let document = try GraphDocument(parsing: Array(value.utf8), path: path, object: key)
                for (key, value) in document.metadata.entries { graph.metadata[key] = value }
                graph.ties = document.ties
                continue
            }
            let ours = SafetensorsReader.metadataPrefix + key
            if let earlier = graph.metadata[ours], earlier != .string(value) {
                context.warn("\(path): __metadata__ '\(key)' differs from an earlier shard's and is ignored")
            } else {
                graph.metadata[ours] = .string(value)
            }
        }
    }
}

extension String {
    /// What follows the last slash.
    fileprivate var lastComponent: String { split(separator: "/").last.map(String.init) ?? self }
}
