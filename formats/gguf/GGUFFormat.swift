import Execution
import FormatKit
import ModelGraph

/// GGUF, llama.cpp's file: versions 2 and 3, either byte order, plain types and blocks, in one file or split into parts.
public struct GGUFFormat: WritableFormat {
    public init() {}

    public var name: String { "gguf" }
    public var summary: String { "GGUF, the file of llama.cpp: floats, integers, and blocks from IQ1_S to Q8_0" }
    public var fileExtensions: [String] { ["gguf"] }
    public var layout: FormatLayout { .file }
    public var splitsOutput: Bool { true }
    public var writesBigEndian: Bool { true }
    public var editsMetadata: Bool { true }

    public func recognises(_ probe: FileProbe) -> Bool { probe.begins(with: GGUFHeader.magic) || probe.fileExtension == "gguf" }

    /// Reads a file, or all parts of a model of which `path` is one. Tensors of a known architecture get their Hugging Face names, row order and dtypes back; those of
    /// another keep the file's.
    ///
    /// - Throws: `FormatError` as SPEC.md says; `FileAccessError` when the path cannot be opened.
    public func read(_ path: String, _ context: ReadContext) throws -> TensorGraph {
        try GGUFReader(path, context).graph()
    }

    public func plan(_ graph: TensorGraph, _ options: WriteOptions) throws -> WritePlan {
        try GGUFLayout(graph, options).plan
    }

    public func prepare(
        _ graph: TensorGraph, to path: String, _ options: WriteOptions, _ context: ExecutionContext
    ) throws -> PreparedWrite {
        var options = options
        options.outputPath = path
        let layout = try GGUFLayout(graph, options)
        for part in layout.parts { try OutputCheck.run(part.path, graph) }
        return try GGUFWriter(layout, context).write(path, force: options.force)
    }
}
