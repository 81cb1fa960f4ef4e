import Execution
import FormatKit
import ModelGraph

/// safetensors: one file, or a Hugging Face model folder with one file or an index and shards.
public struct SafetensorsFormat: WritableFormat {
    public init() {}

    static let formatName = "safetensors"

    public var name: String { SafetensorsFormat.formatName }
    public var summary: String { "Hugging Face safetensors: a file, or a model folder with configuration and tokenizer" }
    public var fileExtensions: [String] { ["safetensors"] }
    public var layout: FormatLayout { .fileOrFolder }
    public var splitsOutput: Bool { true }
    public var editsMetadata: Bool { true }

    static let singleName = "model.safetensors"
    static let indexName = "model.safetensors.index.json"

    public func recognises(_ probe: FileProbe) -> Bool {
        if probe.isFolder { return probe.entries.contains { $0.hasSuffix(".safetensors") || $0 == SafetensorsFormat.indexName } }
        return probe.fileExtension == "safetensors" || SafetensorsHeader.begins(probe.head)
    }

    /// Reads a file or a folder; tensors stay in the mapped files, in the order of their data.
    ///
    /// - Throws: `FormatError` as SPEC.md's table of errors says; `FileAccessError` when the path cannot be opened.
    public func read(_ path: String, _ context: ReadContext) throws -> TensorGraph {
        let probe = try FileProbe(path: path)
        return try probe.isFolder
            ? SafetensorsReader(context).readFolder(path, entries: probe.entries) : SafetensorsReader(context).readFile(path)
    }

    public func provenance(of graph: TensorGraph) -> [(key: String, value: String)] {
        graph.metadata.strings(after: SafetensorsReader.metadataPrefix + Provenance.keyPrefix)
            + graph.metadata.strings(after: Provenance.keyPrefix)
    }

    public func plan(_ graph: TensorGraph, _ options: WriteOptions) throws -> WritePlan {
        try SafetensorsLayout(graph, options).plan
    }

    /// Writes a file when the path ends in `.safetensors`, a folder otherwise.
    public func prepare(
        _ graph: TensorGraph, to path: String, _ options: WriteOptions, _ context: ExecutionContext
    ) throws -> PreparedWrite {
        var options = options
        options.outputPath = path
        let layout = try SafetensorsLayout(graph, options)
        try OutputCheck.run(path, graph)
        return try SafetensorsWriter(layout, context).write(to: path, force: options.force)
    }
}
