import Execution
import FormatKit
import ModelGraph
import ZipContainer

/// NumPy arrays: one `.npy`, a `.npz` archive, or a folder of `.npy` files.
public struct NPYFormat: WritableFormat {
    public init() {}

    public var name: String { "npy" }
    public var summary: String { "NumPy arrays: an .npz archive, a single .npy, or a folder of .npy files" }
    public var fileExtensions: [String] { ["npz", "npy"] }
    public var layout: FormatLayout { .fileOrFolder }

    public func recognises(_ probe: FileProbe) -> Bool {
        if probe.isFolder {
            return probe.entries.contains { $0.hasSuffix(".npy") || $0 == GraphDocument.fileName }
                && !probe.entries.contains { $0.hasSuffix(".safetensors") }
        }
        if probe.begins(with: NPYHeader.magic) || ["npy", "npz"].contains(probe.fileExtension) { return true }
        return ZipArchive.firstName(probe.head)?.hasSuffix(".npy") == true
    }

    /// Reads a file or a folder; arrays stay in the mapped files.
    ///
    /// - Throws: `FormatError` as SPEC.md says; `FileAccessError` when the path cannot be opened.
    public func read(_ path: String, _ context: ReadContext) throws -> TensorGraph {
        let probe = try FileProbe(path: path)
        let reader = NPYReader(path, context)
        if probe.isFolder { return try reader.readFolder(probe.entries) }
        return try probe.begins(with: ZipArchive.localSignature) || probe.begins(with: ZipArchive.endSignature)
            || probe.fileExtension == "npz" ? reader.readArchive() : reader.readArray()
    }

    public func plan(_ graph: TensorGraph, _ options: WriteOptions) throws -> WritePlan {
        try NPYLayout(graph, options).plan
    }

    /// Writes an archive when the path ends in `.npz`, one array when it ends in `.npy`, a folder otherwise.
    public func prepare(
        _ graph: TensorGraph, to path: String, _ options: WriteOptions, _ context: ExecutionContext
    ) throws -> PreparedWrite {
        var options = options
        options.outputPath = path
        let layout = try NPYLayout(graph, options)
        try OutputCheck.run(path, graph)
        return try NPYWriter(layout, context).write(to: path, force: options.force)
    }
}
