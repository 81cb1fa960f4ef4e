import FormatKit
import ModelGraph
import ZipContainer

/// What goes into which array, member or file, decided before anything is written.
struct NPYLayout {
    enum Container { case array, archive, folder }

    struct Entry {
        /// Of the member or file.
        let name: String
        /// The array's header, or all of a small file.
        let head: [UInt8]
        /// The array's data; nil for a small file.
        let data: DenseTensor?
        var byteCount: Int { head.count + (data?.byteCount ?? 0) }
    }

    let container: Container
    let entries: [Entry]
    let plan: WritePlan

    /// - Throws: `FormatError.unsupported` for a single array of other than one tensor, and for names that cannot be written.
    init(_ graph: TensorGraph, _ options: WriteOptions) throws {
        let path = options.outputPath ?? "model.npz"
        let lower = path.lowercased()
        container = lower.hasSuffix(".npy") ? .array : lower.hasSuffix(".npz") ? .archive : .folder
        if container == .array, graph.tensors.count != 1 {
            throw FormatError.unsupported(path, "", "an .npy file holds one tensor, the model has \(graph.tensors.count); write an .npz")
        }
        var warnings = [graph.structureWarning(formatName: "npy")].compactMap { $0 }
        var entries: [Entry] = []
        for tensor in graph.tensors { entries.append(try NPYLayout.entry(tensor, container, path, &warnings)) }
        if container == .array {
            warnings += NPYLayout.lost(graph, options, path)
        } else {
            entries += try NPYLayout.files(graph, options, container, &warnings)
        }
        self.entries = entries
        plan = NPYLayout.plan(entries, container, graph, path, warnings)
    }

    private static func entry(_ tensor: Tensor, _ container: Container, _ path: String, _ warnings: inout [String]) throws -> Entry {
        let dense = try tensor.denseForStorage()
        guard NPYElementType.carries(dense.dtype) else {
            throw FormatError.unsupported(path, "tensor '\(tensor.name)'", "is \(dense.dtype.rawValue), which NumPy does not have")
        }
        var descr = NPYElementType.descr(dense.dtype)
        if descr == nil, container == .array {
            descr = NPYElementType.float8E5M2
            warnings.append("np.load refuses \(dense.dtype.rawValue) arrays, as np.save writes them")
        }
        // Where a document says which type it is.
        let head = NPYHeader.bytes(descr: descr ?? "|V\(dense.dtype.byteWidth)", shape: dense.shape)
        let object = "tensor '\(tensor.name)'"
        switch container {
        case .array: return Entry(name: path.split(separator: "/").last.map(String.init) ?? path, head: head, data: dense)
        case .archive:
            let name = tensor.name + NPYFileName.ending
            guard name.utf8.count <= 0xFFFF, (try? ZipArchive.checkName(name, path)) != nil else {
                throw FormatError.unsupported(path, object, "has a name that no archive member can have")
            }
            return Entry(name: name, head: head, data: dense)
        case .folder:
            guard let name = NPYFileName.fileName(forTensor: tensor.name) else {
                throw FormatError.unsupported(path, object, "has a name that is too long for a file; write an .npz")
            }
            return Entry(name: name, head: head, data: dense)
        }
    }

    /// The document and the attachments.
    private static func files(
        _ graph: TensorGraph, _ options: WriteOptions, _ container: Container, _ warnings: inout [String]
    ) throws -> [Entry] {
        var document = GraphDocument()
        document.metadata = graph.metadata
        document.ties = graph.ties
        for (key, value) in options.provenance { document.metadata[Provenance.keyPrefix + key] = .string(value) }
        for tensor in graph.tensors {
            let dtype = try tensor.denseForStorage().dtype
            // An archive keeps its order itself.
            let isNeeded = container == .folder || dtype == .f8E4M3 || dtype == .f8E5M2
            if isNeeded { document.tensors.append((tensor.name, dtype)) }
        }
        var entries: [Entry] = []
        if !document.isEmpty || container == .folder {
            entries.append(Entry(name: GraphDocument.fileName, head: Array(document.text.utf8), data: nil))
        }
        for attachment in graph.attachments {
            if ModelFolder.isAttachment(attachment.name), attachment.bytes.count <= ModelFolder.maximumAttachmentBytes {
                entries.append(Entry(name: attachment.name, head: attachment.bytes, data: nil))
            } else {
                warnings.append("the file '\(attachment.name)' cannot lie beside arrays and is left out")
            }
        }
        return entries
    }

    private static func lost(_ graph: TensorGraph, _ options: WriteOptions, _ path: String) -> [String] {
        var lost: [String] = []
        if !graph.metadata.isEmpty || !graph.ties.isEmpty { lost.append("metadata") }
        if !graph.attachments.isEmpty { lost.append(graph.attachments.map(\.name).joined(separator: ", ")) }
        return lost.isEmpty ? [] : ["a single .npy file has no place for \(lost.joined(separator: ", ")); write an .npz to keep them"]
    }

    private static func plan(
        _ entries: [Entry], _ container: Container, _ graph: TensorGraph, _ path: String, _ warnings: [String]
    ) -> WritePlan {
        var plan = WritePlan()
        let fileName = path.split(separator: "/").last.map(String.init) ?? path
        plan.files =
            container == .archive
            ? [(fileName, ZipLayout(entries.map { ($0.name, $0.byteCount) }).byteCount)] : entries.map { ($0.name, $0.byteCount) }
        plan.tensors = zip(graph.tensors, entries).map { tensor, entry in
            (tensor.name, entry.data?.dtype.rawValue ?? "", entry.data?.byteCount ?? 0)
        }
        plan.warnings = warnings
        return plan
    }
}
