import Architectures
import FormatKit
import ModelGraph
import StrictJSON

/// What goes into which file, decided before anything is written.
struct SafetensorsLayout {
    struct Shard {
        let name: String
        /// Length field and header, padded with spaces to a multiple of 8.
        let header: [UInt8]
        let tensors: [(name: String, dense: DenseTensor)]
        let dataBytes: Int
    }

    let isFolder: Bool
    let shards: [Shard]
    /// For a folder: index and attachments.
    let files: [(name: String, bytes: [UInt8])]
    let plan: WritePlan

    typealias Member = (name: String, dense: DenseTensor)

    /// - Throws: `FormatError.refused` for shards without a folder, `.unsupported` for a header over the limit.
    init(_ graph: TensorGraph, _ options: WriteOptions) throws {
        let path = options.outputPath ?? ""
        let tensors = try FusedTensors(graph, path: path).joined
        if tensors.contains(where: { $0.name == SafetensorsHeader.metadataKey }) {
            throw FormatError.unsupported(path, "tensor '__metadata__'", "has a name that safetensors keeps for itself")
        }
        let groups = SafetensorsLayout.split(tensors, options.maximumShardBytes)
        isFolder = options.outputPath.map { !$0.lowercased().hasSuffix(".safetensors") } ?? (groups.count > 1)
        guard isFolder || groups.count == 1 else {
            throw FormatError.refused(path, "\(groups.count) shards need a folder: a path without .safetensors")
        }
        let metadata = try SafetensorsLayout.metadata(graph, isFolder: isFolder, options)
        let original = options.isPlain ? OriginalHeaders(graph).layout(of: tensors, isFolder: isFolder, path) : nil
        shards =
            try original?.shards
            ?? groups.enumerated().map { index, group in
                let name =
                    groups.count == 1
                    ? SafetensorsFormat.singleName
                    : NumberedName(stem: "model", number: index + 1, count: groups.count).text(ending: ".safetensors")
                // The graph's own document is said once.
                let kept = index == 0 ? metadata : metadata.filter { $0.key != SafetensorsReader.documentKey }
                return try SafetensorsLayout.shard(name, group, kept, path)
            }
        var warnings = [graph.structureWarning(formatName: "safetensors"), SafetensorsLayout.tieWarning(graph)].compactMap { $0 }
        var files: [(name: String, bytes: [UInt8])] = []
        if isFolder {
            if let index = original?.index {
                files.append((SafetensorsFormat.indexName, index))
            } else if shards.count > 1 {
                files.append((SafetensorsFormat.indexName, Array(SafetensorsIndex.text(shards).utf8)))
            }
            let taken = Set(shards.map(\.name) + files.map(\.name))
            for attachment in graph.attachments {
                if ModelFolder.isAttachment(attachment.name) || ModelFolder.isInModule(attachment.name), !taken.contains(attachment.name) {
                    files.append((attachment.name, attachment.bytes))
                } else {
                    warnings.append("the file '\(attachment.name)' cannot lie beside safetensors weights and is left out")
                }
            }
        } else if !graph.attachments.isEmpty {
            let names = graph.attachments.map(\.name).joined(separator: ", ")
            warnings.append("a single safetensors file has no place for \(names); write a folder to keep them")
        }
        self.files = files
        plan = SafetensorsLayout.plan(shards, files, isFolder ? nil : path.split(separator: "/").last.map(String.init), warnings)
    }

    /// Whether whoever reads config.json knows that the head is the token embedding.
    private static func configurationTiesHead(_ graph: TensorGraph) -> Bool {
        // One that is broken, or of an unknown family, ties nothing: the tie is written then.
        guard graph.attachment(ModelConfiguration.fileName) != nil, let known = try? ModelConfiguration(of: graph) else { return false }
        return known.tiesEmbeddings && tieWarning(graph) == nil
    }

    /// A tied name is in no file, which transformers takes for a missing tensor where the configuration denies the tie.
    private static func tieWarning(_ graph: TensorGraph) -> String? {
        guard let tie = graph.ties.first, let config = graph.attachment("config.json"),
            (try? JSONValue(strict: config.bytes))?["tie_word_embeddings"]?.bool == false
        else { return nil }
        return "'\(tie.name)' is '\(tie.target)' and written once, but config.json says tie_word_embeddings false"
    }

    private static func plan(
        _ shards: [Shard], _ files: [(name: String, bytes: [UInt8])], _ fileName: String?, _ warnings: [String]
    ) -> WritePlan {
        var plan = WritePlan()
        plan.files = shards.map { (fileName ?? $0.name, $0.header.count + $0.dataBytes) } + files.map { ($0.name, $0.bytes.count) }
        plan.tensors = shards.flatMap { shard in shard.tensors.map { ($0.name, $0.dense.dtype.rawValue, $0.dense.byteCount) } }
        plan.warnings = warnings
        return plan
    }

    /// Tensors in order, a new group where the next would go over the limit; one larger than the limit is alone.
    private static func split(_ tensors: [Member], _ limit: Int?) -> [[Member]] {
        guard let limit else { return [tensors] }
        var groups: [[Member]] = [[]]
        var size = 0
        for tensor in tensors {
            if size > 0, tensor.dense.byteCount > limit - min(size, limit) {
                groups.append([])
                size = 0
            }
            groups[groups.count - 1].append(tensor)
            size += tensor.dense.byteCount
        }
        return groups
    }

    /// `__metadata__`: the strings that came from one, `format`, and a document for everything else the graph says.
    private static func metadata(_ graph: TensorGraph, isFolder: Bool, _ options: WriteOptions) throws -> [(key: String, value: String)] {
        let (own, document) = said(of: graph, isFolder: isFolder)
        var strings = own.merging(["format": "pt"]) { own, _ in own }
        for (key, value) in options.provenance { strings[Provenance.keyPrefix + key] = value }
        for edit in options.metadataEdits { try apply(edit, to: &strings, options.outputPath ?? "") }
        if !document.isEmpty { strings[SafetensorsReader.documentKey] = document.text }
        return strings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The strings of `__metadata__` that the graph was read with, and what else it says that a folder's config.json does not.
    static func said(of graph: TensorGraph, isFolder: Bool) -> (strings: [String: String], document: GraphDocument) {
        var (strings, document) = ([String: String](), GraphDocument())
        let tiesHead = isFolder && configurationTiesHead(graph)
        document.ties = graph.ties.filter { !tiesHead || graph[$0.target]?.role != .embedding }
        for (key, value) in graph.metadata.entries {
            if key.hasPrefix(SafetensorsReader.metadataPrefix), let text = value.string {
                strings[String(key.dropFirst(SafetensorsReader.metadataPrefix.count))] = text
            } else {
                document.metadata[key] = value
            }
        }
        return (strings, document)
    }

    /// Frameworks that loaders know in `format`.
    private static let frameworks = ["pt", "tf", "flax", "np", "mlx"]

    /// - Throws: `FormatError.refused` for keys that are the format's own, and values that are no strings.
    private static func apply(_ edit: MetadataEdit, to strings: inout [String: String], _ path: String) throws {
        func refused(_ message: String) -> FormatError { .refused(path, "metadata: \(message)") }
        if edit.key.hasPrefix(Provenance.keyPrefix) { throw refused("'\(edit.key)' is Caplet's own") }
        if let type = edit.type, type != MetadataEdit.ValueType(.string) {
            throw refused("'\(edit.key)' cannot be of type \(type.name): __metadata__ has strings only")
        }
        if edit.key == "format", !frameworks.contains(edit.text ?? "") {
            throw refused("'format' is one of \(frameworks.joined(separator: ", ")), which loaders ask for")
        }
        if edit.text == nil, strings[edit.key] == nil { throw refused("'\(edit.key)' cannot be removed: it is not there") }
        strings[edit.key] = edit.text
    }

    private static func shard(
        _ name: String, _ tensors: [Member], _ metadata: [(key: String, value: String)], _ path: String
    ) throws -> Shard {
        let strings = JSONText.object(metadata.map { ($0.key, JSONText.quoted($0.value)) })
        var members: [(key: String, text: String)] = [(SafetensorsHeader.metadataKey, strings)]
        var offset = 0
        for tensor in tensors {
            let (end, overflow) = offset.addingReportingOverflow(tensor.dense.byteCount)
            guard !overflow else { throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "ends beyond 2⁶³ bytes") }
            let shape = JSONText.array(tensor.dense.shape.dimensions.map(String.init))
            let text = JSONText.object([
                ("dtype", JSONText.quoted(tensor.dense.dtype.rawValue)), ("shape", shape), ("data_offsets", "[\(offset),\(end)]"),
            ])
            members.append((tensor.name, text))
            offset = end
        }
        var text = Array(JSONText.object(members).utf8)
        text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
        guard text.count <= SafetensorsHeader.maximumByteCount else {
            throw FormatError.unsupported(
                path, "header", "needs \(text.count) bytes; safetensors allows \(SafetensorsHeader.maximumByteCount)")
        }
        let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
        return Shard(name: name, header: length + text, tensors: tensors, dataBytes: offset)
    }
}

extension WriteOptions {
    /// Whether nothing is asked for that a file's own header does not say.
    fileprivate var isPlain: Bool { maximumShardBytes == nil && provenance.isEmpty && metadataEdits.isEmpty }
}
