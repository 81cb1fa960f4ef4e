import FormatKit
import ModelGraph
import ZipContainer

/// Reads files and folders into graphs.
struct PyTorchReader {
    static let metadataPrefix = "pytorch."

    private let context: ReadContext

    init(_ context: ReadContext) { self.context = context }

    func readFile(_ path: String) throws -> TensorGraph {
        var graph = TensorGraph()
        _ = try add(path, to: &graph)
        return graph
    }

    /// `pytorch_model.bin`, or the index and its shards.
    func readFolder(_ path: String, entries: [String]) throws -> TensorGraph {
        var graph = TensorGraph()
        if let stamp = FileStamp(path: path) { graph.sources.append(stamp) }
        if entries.contains(PyTorchFormat.singleName) {
            ModelFolder.warnOfLink(PyTorchFormat.singleName, in: path, context)
            _ = try add("\(path)/\(PyTorchFormat.singleName)", to: &graph)
        } else if entries.contains(PyTorchFormat.indexName) {
            let index = try ShardIndex("\(path)/\(PyTorchFormat.indexName)", ending: ".bin")
            if let stamp = index.stamp { graph.sources.append(stamp) }
            try index.readShards(of: path, context) { try add($0, to: &graph, keeping: $1) }
        } else if let shards = try ShardSet(path, entries.filter { $0.hasPrefix("pytorch_model") }, ending: ".bin") {
            try shards.read(context) { try add($0, to: &graph) }
        } else {
            throw FormatError.malformed(path, "", "has neither \(PyTorchFormat.singleName) nor \(PyTorchFormat.indexName)")
        }
        try ModelFolder.addAttachments(of: path, to: &graph, context)
        return graph
    }

    /// Adds what one file holds, of its tensors those that are wanted, and returns the names of all of them, tied ones too.
    @discardableResult
    private func add(_ path: String, to graph: inout TensorGraph, keeping isWanted: (String) -> Bool = { _ in true }) throws -> [String] {
        let file = try MappedFile.content(path: path)
        graph.sources.append(file.stamp)
        let checkpoint: any Checkpoint
        if file.withBytes({ LegacyCheckpoint.begins($0.prefix(LegacyCheckpoint.longestStart)) }) {
            checkpoint = try LegacyCheckpoint(file, path: path)
        } else if file.withBytes({ $0.starts(with: ZipArchive.localSignature) }) {
            checkpoint = try ArchiveCheckpoint(file, path: path)
        } else {
            throw FormatError.malformed(path, "", "begins neither as a zip archive nor as torch.save before version 1.6 wrote")
        }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let contents = try CheckpointContents(checkpoint, path: path, fileName: name)
        for (key, value) in contents.metadata { graph.metadata[PyTorchReader.metadataPrefix + key] = value }
        if let first = contents.leftBehind.first {
            context.warn("\(path): \(contents.leftBehind.count) values beside the weights are left behind, \(first) the first")
        }
        try append(contents.tensors.filter { isWanted($0.name) }, checkpoint, path, to: &graph)
        return contents.tensors.map(\.name)
    }

    /// Tensors in order; one that is an earlier one under another name becomes a tie.
    private func append(
        _ tensors: [(name: String, tensor: StridedTensor)], _ checkpoint: any Checkpoint, _ path: String, to graph: inout TensorGraph
    ) throws {
        var owners: [StridedTensor.Identity: String] = [:]
        var storages: [String: any ByteSource] = [:]
        var ties = graph.ties
        var names = Set(ties.map(\.name))
        for (name, tensor) in tensors {
            let object = "tensor '\(name)'"
            guard !graph.contains(name), names.insert(name).inserted else { throw FormatError.malformed(path, object, "is there twice") }
            if tensor.shape.elementCount > 0, let owner = owners[tensor.identity] {
                ties.append(Tie(name: name, target: owner))
                continue
            }
            owners[tensor.identity] = name
            let record = tensor.storage
            let bytes: any ByteSource
            if let known = storages[record.key] { bytes = known } else { bytes = try checkpoint.storage(record, object: object) }
            guard bytes.byteCount >= record.byteCount else {
                throw FormatError.malformed(
                    path, object, "needs a storage of \(record.byteCount) bytes; '\(record.key)' has \(bytes.byteCount)")
            }
            storages[record.key] = bytes
            try graph.append(Tensor(name: name, dense: tensor.dense(bytes)))
        }
        graph.ties = ties
    }
}
