import FormatKit
import ModelGraph
import ZipContainer

/// What `torch.save` writes, and Hugging Face folders of such files. Read-only: the pickle inside is interpreted, never executed.
public struct PyTorchFormat: Format {
    public init() {}

    public var name: String { "pytorch" }
    public var summary: String { "PyTorch checkpoints: a file of torch.save, or a model folder with pytorch_model.bin or its shards" }
    public var fileExtensions: [String] { ["bin", "pt", "pth"] }
    public var layout: FormatLayout { .fileOrFolder }

    static let singleName = "pytorch_model.bin"
    static let indexName = "pytorch_model.bin.index.json"

    public func recognises(_ probe: FileProbe) -> Bool {
        if probe.isFolder {
            return probe.entries.contains { $0.hasPrefix("pytorch_model") && ($0.hasSuffix(".bin") || $0 == PyTorchFormat.indexName) }
        }
        if LegacyCheckpoint.begins(probe.head) || ["pt", "pth"].contains(probe.fileExtension) { return true }
        // The ending alone says nothing: any file may be a .bin.
        guard probe.begins(with: ZipArchive.localSignature) else { return false }
        return probe.fileExtension == "bin" || ZipArchive.firstName(probe.head)?.hasSuffix(ArchiveCheckpoint.pickleEnding) == true
    }

    /// Reads a file or a folder; tensors stay in the mapped files.
    ///
    /// - Throws: `FormatError` as SPEC.md says; `FileAccessError` when the path cannot be opened.
    public func read(_ path: String, _ context: ReadContext) throws -> TensorGraph {
        let probe = try FileProbe(path: path)
        let reader = PyTorchReader(context)
        return try probe.isFolder ? reader.readFolder(path, entries: probe.entries) : reader.readFile(path)
    }
}
