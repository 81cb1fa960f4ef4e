import FormatKit
import ModelGraph
import ZipContainer

/// Reads arrays, archives and folders into graphs.
struct NPYReader {
    private let path: String
    private let context: ReadContext

    init(_ path: String, _ context: ReadContext) {
        self.path = path
        self.context = context
    }

    /// One array, named as its file without the ending.
    func readArray() throws -> TensorGraph {
        var graph = TensorGraph()
        let file = path.split(separator: "/").last.map(String.init) ?? path
        try addFile(path, named: NPYFileName.tensorName(forFile: file) ?? file, dtype: nil, to: &graph)
        return graph
    }

    func readFolder(_ entries: [String]) throws -> TensorGraph {
        var graph = TensorGraph()
        if let stamp = FileStamp(path: path) { graph.sources.append(stamp) }
        var document = GraphDocument()
        if entries.contains(GraphDocument.fileName) {
            let file = try MappedFile(path: "\(path)/\(GraphDocument.fileName)")
            graph.sources.append(file.stamp)
            document = try parseDocument(file.byteCount) { file.withBytes { Array($0) } }
        }
        graph.metadata = document.metadata
        graph.ties = document.ties
        let files = entries.compactMap { file in NPYFileName.tensorName(forFile: file).map { ($0, file) } }
        let dtypes = Dictionary(document.tensors.map { ($0.name, $0.dtype) }) { first, _ in first }
        for (name, file) in try ordered(files, document) {
            try context.execution.cancellation.check()
            ModelFolder.warnOfLink(file, in: path, context)
            try addFile("\(path)/\(file)", named: name, dtype: dtypes[name], isOneOfMany: true, to: &graph)
        }
        try checkNumbers(graph, of: files.count)
        try ModelFolder.addAttachments(of: path, to: &graph, context)
        return graph
    }

    func readArchive() throws -> TensorGraph {
        var graph = TensorGraph()
        let file = try MappedFile.content(path: path)
        graph.sources.append(file.stamp)
        let archive = try file.withBytes { try ZipArchive($0, path: path) }
        var document = GraphDocument()
        if let member = archive.members.first(where: { $0.name == GraphDocument.fileName }) {
            document = try parseDocument(member.byteCount) { try whole(file, member) }
        }
        graph.metadata = document.metadata
        graph.ties = document.ties
        let dtypes = Dictionary(document.tensors.map { ($0.name, $0.dtype) }) { first, _ in first }
        var inflatedLeft = NPYReader.maximumInflatedByteCount
        for member in archive.members where member.name != GraphDocument.fileName {
            if member.name.hasSuffix(NPYFileName.ending) {
                let name = String(member.name.dropLast(NPYFileName.ending.count))
                try add(file, member, named: name, dtype: dtypes[name], to: &graph)
            } else if ModelFolder.isAttachment(member.name), member.byteCount <= ModelFolder.maximumAttachmentBytes {
                if member.isDeflated {
                    guard member.byteCount <= inflatedLeft else {
                        throw FormatError.unsupported(
                            path, "member '\(member.name)'",
                            "compressed files beside the arrays of more than \(NPYReader.maximumInflatedByteCount) bytes")
                    }
                    inflatedLeft -= member.byteCount
                }
                graph.attach(Attachment(name: member.name, bytes: try whole(file, member)))
            } else {
                context.warn("\(path): member '\(member.name)' is neither an array nor a file that travels with a model; it is left behind")
            }
        }
        try checkNumbers(graph, of: archive.members.count { $0.name.hasSuffix(NPYFileName.ending) })
        return graph
    }

    /// - Throws: `FormatError.unsupported` where all arrays were left out.
    private func checkNumbers(_ graph: TensorGraph, of arrays: Int) throws {
        guard graph.tensors.isEmpty, arrays > 0 else { return }
        throw FormatError.unsupported(path, "", "holds texts or Python objects alone, and no array of numbers")
    }

    /// Whether an array among others is of texts or Python objects, which are no weights: left out, with a warning.
    private func leavesOut(_ header: UnsafeRawBufferPointer, _ name: String, object: String) throws -> Bool {
        guard let dtype = try NPYHeader.textDType(header, path: path, object: object) else { return false }
        let what = dtype.contains("O") ? "Python objects, which are never loaded" : "texts"
        context.warn("\(path): array '\(name)' of dtype '\(dtype)' holds \(what); it is left out")
        return true
    }

    /// Most bytes of files beside the arrays that few bytes of the archive may stand for.
    private static let maximumInflatedByteCount = 256 << 20

    private func whole(_ file: MappedFile, _ member: ZipArchive.Member) throws -> [UInt8] {
        try ZipMemberBytes(file, member, skipping: 0, path: path).withUnsafeBytes { Array($0) }
    }

    private func parseDocument(_ byteCount: Int, _ bytes: () throws -> [UInt8]) throws -> GraphDocument {
        guard byteCount <= ModelFolder.maximumAttachmentBytes else {
            throw FormatError.malformed(
                path, GraphDocument.fileName, "is \(byteCount) bytes long; \(ModelFolder.maximumAttachmentBytes) are allowed")
        }
        return try GraphDocument(parsing: bytes(), path: path, object: GraphDocument.fileName)
    }

    /// Listed tensors in the document's order, each of which must be there, then the others by name.
    private func ordered(_ files: [(String, String)], _ document: GraphDocument) throws -> [(String, String)] {
        var byName: [String: String] = [:]
        for (name, file) in files {
            guard let other = byName.updateValue(file, forKey: name) else { continue }
            throw FormatError.malformed(path, "tensor '\(name)'", "is in '\(other)' and in '\(file)'")
        }
        let listed = try document.tensors.map { tensor in
            guard let file = byName[tensor.name] else {
                throw FormatError.malformed(path, "tensor '\(tensor.name)'", "is listed in \(GraphDocument.fileName) and has no file")
            }
            return (tensor.name, file)
        }
        let names = Set(listed.map(\.0))
        return listed + files.filter { !names.contains($0.0) }.sorted { $0.0 < $1.0 }
    }

    private func addFile(
        _ path: String, named name: String, dtype: DType?, isOneOfMany: Bool = false, to graph: inout TensorGraph
    ) throws {
        let file = try MappedFile.content(path: path)
        if isOneOfMany, try file.withBytes({ try leavesOut($0, name, object: "") }) { return }
        graph.sources.append(file.stamp)
        let header = try file.withBytes { try NPYHeader($0, path: path, object: "") }
        guard let data = MappedBytes(file, offset: header.byteCount, byteCount: header.dataBytes),
            header.byteCount + header.dataBytes == file.byteCount
        else {
            let found = file.byteCount - header.byteCount
            throw FormatError.malformed(
                path, "", "\(header.element.dtype.rawValue) \(header.shape) needs \(header.dataBytes) bytes, the file has \(found)")
        }
        try append(header, data, named: name, dtype: dtype, to: &graph)
    }

    private func add(
        _ file: MappedFile, _ member: ZipArchive.Member, named name: String, dtype: DType?, to graph: inout TensorGraph
    ) throws {
        let object = "member '\(member.name)'"
        let preamble = ZipMemberBytes.prefix(file, member, NPYHeader.preambleBytes)
        let length = try preamble.withUnsafeBytes { try NPYHeader.byteCount(of: $0, path: path, object: object) }
        let start = ZipMemberBytes.prefix(file, member, length)
        if try start.withUnsafeBytes({ try leavesOut($0, name, object: object) }) { return }
        let header = try start.withUnsafeBytes { try NPYHeader($0, path: path, object: object) }
        guard member.byteCount - header.byteCount == header.dataBytes else {
            let found = member.byteCount - header.byteCount
            throw FormatError.malformed(
                path, object, "\(header.element.dtype.rawValue) \(header.shape) needs \(header.dataBytes) bytes, the member has \(found)")
        }
        let data = ZipMemberBytes(file, member, skipping: header.byteCount, path: path)
        try append(header, data, named: name, dtype: dtype, to: &graph)
    }

    private func append(
        _ header: NPYHeader, _ data: any ByteSource, named name: String, dtype listed: DType?, to graph: inout TensorGraph
    ) throws {
        var dtype = header.element.dtype
        if let listed, listed != dtype {
            guard header.element.isAmbiguous, listed.bitWidth == 8 else {
                throw FormatError.malformed(
                    path, "tensor '\(name)'", "is \(listed.rawValue) by \(GraphDocument.fileName) and \(dtype.rawValue) by its array")
            }
            dtype = listed
        }
        if header.element.isAmbiguous, listed == nil {
            guard let asked = context.byteDType else {
                throw FormatError.unsupported(
                    path, "array '\(name)'",
                    "has dtype V1, which NumPy writes for several types of one byte, F8_E4M3 and F8_E5M2 among them",
                    remedy: .nameByteDType)
            }
            dtype = asked
        }
        guard !graph.contains(name) else { throw FormatError.malformed(path, "tensor '\(name)'", "is there twice") }
        try graph.append(Tensor(name: name, dense: NPYArray.dense(header, as: dtype, data: data)))
    }
}
