import Execution
import FormatKit
import ModelGraph

/// Puts a graph into a sink of parts, and the parts into a manifest.
struct CapletWriter {
    private let graph: TensorGraph
    private let options: WriteOptions

    init(_ graph: TensorGraph, _ options: WriteOptions) {
        self.graph = graph
        self.options = options
    }

    /// - Throws: `FormatError.unsupported` for what the container cannot carry.
    init(_ graph: TensorGraph, _ options: WriteOptions, path: String) throws {
        self.init(graph, options)
        var eager = 0
        for attachment in graph.attachments {
            guard FileName.isPlainOrInFolder(attachment.name) else {
                throw FormatError.unsupported(path, "attachment '\(attachment.name)'", "has no plain file name")
            }
            eager += attachment.bytes.count
        }
        eager += graph.fileHeaders.reduce(0) { $0 + $1.bytes.count }
        for (_, value) in graph.metadata.entries where LongArrayContent.isLong(value) {
            eager += value.array.map { LongArrayContent.bytes($0).count } ?? 0
        }
        guard eager <= CapletReader.maximumEagerByteCount else {
            throw FormatError.unsupported(
                path, "attachments", "with headers and long metadata have \(eager) bytes; \(CapletReader.maximumEagerByteCount) are allowed"
            )
        }
    }

    /// Content bytes of all parts: what progress counts.
    private var contentByteCount: Int {
        graph.tensors.reduce(0) { $0 + $1.payload.contentByteCount } + graph.attachments.reduce(0) { $0 + $1.bytes.count }
            + graph.fileHeaders.reduce(0) { $0 + $1.bytes.count }
    }

    /// Stores metadata, attachments and tensors in this order, calling `storing` before each tensor.
    func manifest(_ sink: any PartSink, storing: (Tensor) throws -> Void) throws -> Manifest {
        var manifest = Manifest()
        manifest.provenance = options.provenance
        manifest.metadata = try graph.metadata.entries.map { key, value in
            guard LongArrayContent.isLong(value), case .array(let type, let values) = value else { return (key, .inline(value)) }
            let part = try sink.file(LongArrayContent.bytes(values), LongArrayContent.encoding(type))
            return (key, .part(Manifest.LongArray(type: type, count: values.count, part: part)))
        }
        manifest.attachments = try graph.attachments.map { Manifest.File(name: $0.name, part: try sink.file($0.bytes, .raw)) }
        manifest.ties = graph.ties
        for tensor in graph.tensors {
            try storing(tensor)
            do {
                manifest.tensors.append(
                    Manifest.Entry(
                        name: tensor.name, shape: tensor.shape, dtype: tensor.dtype, role: tensor.role,
                        isTransposedInCheckpoint: tensor.isTransposedInCheckpoint, payload: try sink.store(tensor.payload)))
            } catch GraphError.inconsistent(let object, let reason) {
                throw GraphError.inconsistent("tensor '\(tensor.name)'", "\(object): \(reason)")
            }
        }
        manifest.headers = try graph.fileHeaders.map { header in
            Manifest.Header(format: header.format, name: header.name, part: try sink.file(header.bytes, .raw))
        }
        return manifest
    }

    /// Upper bounds of all sizes, without reading a tensor.
    func plan(fileName: String) throws -> WritePlan {
        let sink = PartPlan()
        var starts: [Int] = []
        var manifest = try manifest(sink) { _ in starts.append(sink.byteCount) }
        manifest.sha256 = SHA256Digest(of: [])
        starts.append(sink.byteCount)
        var plan = WritePlan()
        plan.isExact = false
        plan.warnings = warnings
        plan.tensors = graph.tensors.enumerated().map { ($1.name, $1.payload.decodedStorageText, starts[$0 + 1] - starts[$0]) }
        let frame = ZstdFrame.bound(manifest.text.utf8.count)
        plan.files = [(fileName, ContainerHeader.byteCount + sink.byteCount + frame + ContainerFooter.byteCount)]
        return plan
    }

    /// Writes the file; one tensor and a few chunks of it are in memory.
    ///
    /// - Throws: `FormatError.refused`, `.writeFailed`, `.unsupported` for a manifest over its limit; `Cancelled`; what a
    ///   tensor's storage throws. Nothing is left then.
    func write(to path: String, fileName: String, _ context: ExecutionContext) throws -> PreparedWrite {
        let file = try AtomicFileWriter(path: path, force: options.force)
        context.progress.begin("writing", total: contentByteCount, unit: "bytes")
        defer { context.progress.end() }
        let manifest = try store(in: file, context)
        var plan = WritePlan()
        plan.warnings = warnings
        plan.files = [(fileName, file.byteCount)]
        plan.tensors = zip(graph.tensors, manifest.tensors).map { tensor, entry in
            (tensor.name, tensor.payload.decodedStorageText, entry.payload.parts(entry.name).reduce(0) { $0 + $1.part.storedByteCount })
        }
        return try file.prepared(plan)
    }

    /// The size of the file that `write` would make: it is made, and thrown away.
    func byteCount(at path: String, _ context: ExecutionContext) throws -> Int {
        let file = try AtomicFileWriter(path: path, force: options.force)
        _ = try store(in: file, ExecutionContext(threads: context.threads, cancellation: context.cancellation))
        return file.byteCount
    }

    /// Everything from header to footer.
    private func store(in file: AtomicFileWriter, _ context: ExecutionContext) throws -> Manifest {
        let sink = PartWriter(file, context)
        try file.write(ContainerHeader.bytes)
        var manifest = try manifest(sink) { tensor in
            try context.cancellation.check()
            sink.remark = tensor.name
        }
        manifest.sha256 = manifest.contentDigest(sink.contentDigests)
        try finish(manifest, file, file.path)
        return manifest
    }

    /// Blocks of other formats are the one structure that the container does not have.
    private var warnings: [String] {
        [graph.structureWarning(formatName: "caplet") { if case .blocks = $0.payload { return true } else { return false } }]
            .compactMap { $0 }
    }

    private func finish(_ manifest: Manifest, _ file: AtomicFileWriter, _ path: String) throws {
        let text = Array(manifest.text.utf8)
        let frame = try text.withUnsafeBytes { try ZstdFrame.compress($0, .text) }
        guard text.count <= ContainerFooter.maximumManifestByteCount, ContainerFooter.allows(text.count, from: frame.count) else {
            throw FormatError.unsupported(
                path, "manifest", "needs \(text.count) bytes of JSON; \(ContainerFooter.maximumManifestByteCount) are allowed")
        }
        let footer = ContainerFooter(manifestOffset: file.byteCount, manifestFrame: frame, manifestContentByteCount: text.count)
        try file.write(frame)
        try file.write(footer.bytes)
    }
}
