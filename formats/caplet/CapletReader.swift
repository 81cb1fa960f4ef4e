import FormatKit
import ModelGraph

/// An open file whose header, footer and manifest are sound, and whose parts tile it.
struct CapletReader {
    let file: MappedFile
    let manifest: Manifest
    private let context: ReadContext

    /// Most bytes of attachments and long metadata arrays, which are decoded when a file is opened.
    static let maximumEagerByteCount = 256 << 20

    /// - Throws: `FormatError`; `FileAccessError` when the path cannot be opened.
    init(_ path: String, _ context: ReadContext) throws {
        let file = try MappedFile.content(path: path)
        self.file = file
        self.context = context
        manifest = try file.withBytes { bytes in
            try ContainerHeader.check(bytes, path: path)
            let footer = try ContainerFooter(bytes, path: path)
            let manifest = try CapletReader.manifest(bytes, footer, path)
            try manifest.checkTiling(manifestOffset: footer.manifestOffset, path: path)
            return manifest
        }
    }

    private static func manifest(_ bytes: UnsafeRawBufferPointer, _ footer: ContainerFooter, _ path: String) throws -> Manifest {
        let end = footer.manifestOffset + footer.manifestStoredByteCount
        let frame = UnsafeRawBufferPointer(rebasing: bytes[footer.manifestOffset..<end])
        guard ContentDigest(of: frame) == footer.manifestDigest else {
            throw FormatError.malformed(path, "manifest", "is damaged: its digest is not the footer's")
        }
        let content = OwnedChunk(byteCount: footer.manifestContentByteCount)
        do {
            try ZstdFrame.decompress(frame, into: content.bytes)
        } catch {
            throw FormatError.malformed(path, "manifest", "its frame \(error)")
        }
        return try withExtendedLifetime(content) {
            try Manifest(parsing: UnsafeRawBufferPointer(content.bytes), fileByteCount: bytes.count, path: path)
        }
    }

    var decoder: PartDecoder { PartDecoder(file: file, execution: context.execution) }

    /// The graph, with payloads that stay in the file until they are asked for.
    func graph() throws -> TensorGraph {
        try checkEagerSize()
        var graph = TensorGraph()
        graph.sources = [file.stamp]
        graph.provenance = manifest.provenance
        for (key, value) in manifest.metadata { graph.metadata[key] = try metadataValue(value, key) }
        graph.attachments = try manifest.attachments.map { attachment in
            Attachment(name: attachment.name, bytes: try bytes(of: attachment.part, "attachment '\(attachment.name)'"))
        }
        graph.ties = manifest.ties
        let reader = PayloadReader(decoder)
        for entry in manifest.tensors {
            do {
                try graph.append(reader.tensor(entry))
            } catch let error as GraphError {
                throw FormatError.malformed(file.path, "tensor '\(entry.name)'", "\(error)")
            }
        }
        graph.fileHeaders = try manifest.headers.map { header in
            FileHeader(format: header.format, name: header.name, bytes: try bytes(of: header.part, "header '\(header.name)'"))
        }
        return graph
    }

    /// All of a part, in memory once.
    private func bytes(of part: Part, _ object: String) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: part.byteCount) { buffer, initialized in
            try decoder.forEachChunk(part, object, atOnce: 1) { piece in
                UnsafeMutableRawBufferPointer(buffer).baseAddress?.advanced(by: initialized).copyMemory(
                    from: piece.baseAddress!, byteCount: piece.count)
                initialized += piece.count
            }
        }
    }

    func metadataValue(_ value: Manifest.Value, _ key: String) throws -> MetadataValue {
        switch value {
        case .inline(let value): return value
        case .part(let array):
            let object = "metadata '\(key)'"
            let values = try decoder.content(array.part, object).withUnsafeBytes {
                try LongArrayContent.values($0, array.type, count: array.count, path: file.path, object: object)
            }
            return .array(array.type, values)
        }
    }

    func checkEagerSize() throws {
        var left = CapletReader.maximumEagerByteCount
        for (object, part) in manifest.eagerParts {
            guard part.byteCount <= left else {
                throw FormatError.unsupported(
                    file.path, object, "attachments, headers and long metadata of more than \(CapletReader.maximumEagerByteCount) bytes")
            }
            left -= part.byteCount
        }
    }
}
