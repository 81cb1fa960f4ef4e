import Execution
import FormatKit
import ModelGraph

/// The composite container: a model in one zstd stream, each part in the encoding that suits it. See SPEC.md.
public struct CapletFormat: MeasurableFormat {
    public init() {}

    public var name: String { "caplet" }
    public var summary: String { "Caplet container: low-rank, sparse and quantized tensors in one zstd-compressed file" }
    public var fileExtensions: [String] { ["caplet"] }
    public var layout: FormatLayout { .file }

    public func recognises(_ probe: FileProbe) -> Bool {
        !probe.isFolder && (ContainerHeader.begins(probe.head) || probe.fileExtension == "caplet")
    }

    /// Reads header, footer and manifest, attachments and long metadata; tensors are decompressed when asked for, and checked
    /// against checksum and digest each time; where only some rows of a large one are asked for, against the frames' checksums.
    ///
    /// - Throws: `FormatError`; `FileAccessError` when the path cannot be opened.
    public func read(_ path: String, _ context: ReadContext) throws -> TensorGraph {
        try CapletReader(path, context).graph()
    }

    /// Upper bounds of the sizes: nothing is compressed.
    public func plan(_ graph: TensorGraph, _ options: WriteOptions) throws -> WritePlan {
        let path = options.outputPath ?? ""
        return try CapletWriter(graph, options, path: path).plan(fileName: CapletFormat.fileName(path))
    }

    /// Writes one file. The bytes depend on the graph, the provenance and the version of zstd, not on the number of threads.
    public func prepare(
        _ graph: TensorGraph, to path: String, _ options: WriteOptions, _ context: ExecutionContext
    ) throws -> PreparedWrite {
        try OutputCheck.run(path, graph)
        return try CapletWriter(graph, options, path: path).write(to: path, fileName: CapletFormat.fileName(path), context)
    }

    public func byteCount(_ graph: TensorGraph, at path: String, _ options: WriteOptions, _ context: ExecutionContext) throws -> Int {
        try CapletWriter(graph, options, path: path).byteCount(at: path, context)
    }

    public func provenance(of graph: TensorGraph) -> [(key: String, value: String)] { graph.provenance }

    private static func fileName(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "model.caplet" }
}
