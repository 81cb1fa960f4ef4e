import Execution
import ModelGraph

/// A file format: how to recognise it and read it into a graph.
public protocol Format: Sendable {
    /// The name on the command line, such as "gguf".
    var name: String { get }
    /// One line on what it is.
    var summary: String { get }
    /// File name endings without a dot, the usual one first; empty for a folder format.
    var fileExtensions: [String] { get }
    /// Whether a model of this format is a folder, or may be.
    var layout: FormatLayout { get }
    /// The file that the format was loaded from; nil for one that is built in.
    var origin: String? { get }

    /// Whether what is at the probe's path looks like this format. Reads no more than the probe holds.
    func recognises(_ probe: FileProbe) -> Bool

    /// Reads the model at `path`. Payload storage may stay in the file: nothing that scales with the model is read.
    ///
    /// - Throws: `FormatError`; `FileAccessError`.
    func read(_ path: String, _ context: ReadContext) throws -> TensorGraph

    /// What made a model that `read` gave, in order, wherever the format keeps that.
    func provenance(of graph: TensorGraph) -> [(key: String, value: String)]
}

extension Format {
    public var origin: String? { nil }

    /// Formats without a place of their own keep it in the metadata, each key after Caplet's prefix.
    public func provenance(of graph: TensorGraph) -> [(key: String, value: String)] { graph.metadata.strings(after: Provenance.keyPrefix) }
}

/// A format that graphs can be written as, too.
public protocol WritableFormat: Format {
    /// Whether `WriteOptions.maximumShardBytes` splits what is written.
    var splitsOutput: Bool { get }
    /// Whether `WriteOptions.byteOrder` may be big.
    var writesBigEndian: Bool { get }
    /// Whether `WriteOptions.metadataEdits` change what is written.
    var editsMetadata: Bool { get }

    /// What `write` would put where, without writing.
    ///
    /// - Throws: `FormatError.unsupported` for what cannot be represented at all.
    func plan(_ graph: TensorGraph, _ options: WriteOptions) throws -> WritePlan

    /// Writes the graph under a temporary name beside `path`, which it has when what is returned is committed.
    ///
    /// - Returns: what was written, with a warning for everything that the format could not carry.
    func prepare(_ graph: TensorGraph, to path: String, _ options: WriteOptions, _ context: ExecutionContext) throws -> PreparedWrite
}

extension WritableFormat {
    /// Whether what is written at a path is a folder.
    public func writesFolder(_ path: String) -> Bool {
        switch layout {
        case .file: return false
        case .folder: return true
        case .fileOrFolder: return !fileExtensions.contains { path.lowercased().hasSuffix("." + $0) }
        }
    }

    /// Writes the graph to `path`, whole or not at all.
    ///
    /// - Returns: what was written, with a warning for everything that the format could not carry.
    @discardableResult
    public func write(_ graph: TensorGraph, to path: String, _ options: WriteOptions, _ context: ExecutionContext) throws -> WritePlan {
        let prepared = try prepare(graph, to: path, options, context)
        try prepared.commit()
        return prepared.plan
    }
}

/// What made a model, in formats that have no place of its own for it.
public enum Provenance {
    /// What a key begins with in metadata that is not Caplet's.
    public static let keyPrefix = "caplet."
}

extension Metadata {
    /// The text values of keys that begin so, in order, without the beginning.
    public func strings(after prefix: String) -> [(key: String, value: String)] {
        entries.compactMap { key, value in
            guard key.hasPrefix(prefix), let text = value.string else { return nil }
            return (String(key.dropFirst(prefix.count)), text)
        }
    }
}

/// A format that compresses, so that only writing tells the size.
public protocol MeasurableFormat: WritableFormat {
    /// Bytes of what `write` would put at `path`: made there under a temporary name, and removed.
    func byteCount(_ graph: TensorGraph, at path: String, _ options: WriteOptions, _ context: ExecutionContext) throws -> Int
}

extension WritableFormat {
    public var splitsOutput: Bool { false }
    public var writesBigEndian: Bool { false }
    public var editsMetadata: Bool { false }
}

public enum FormatLayout: Sendable {
    case file, folder
    /// A single file or a folder, by whether the path has the format's extension.
    case fileOrFolder
}

/// What a reader is handed beside the path.
public struct ReadContext {
    public let execution: ExecutionContext
    /// Whether links in a model's folder that lead out of it are what the user wants.
    public let followsLinks: Bool
    /// What elements of one byte are that the format does not say more of, F8_E4M3 or F8_E5M2; nil where nobody has said.
    public let byteDType: DType?
    /// Called with what could not be kept or looks wrong, one line each.
    public let warn: (String) -> Void

    public init(
        execution: ExecutionContext = ExecutionContext(), followsLinks: Bool = false, byteDType: DType? = nil,
        warn: @escaping (String) -> Void = { _ in }
    ) {
        self.byteDType = byteDType
        self.execution = execution
        self.followsLinks = followsLinks
        self.warn = warn
    }
}

/// Choices of the user that a writer follows.
public struct WriteOptions: Sendable {
    /// Replace what is at the path.
    public var force = false
    /// Split weights into files of at most this many bytes each, where the format can; nil for one file.
    public var maximumShardBytes: Int?
    /// What made the graph, for the formats that keep it: pipeline, seed, version, digest of the input.
    public var provenance: [(key: String, value: String)] = []
    /// The order of the bytes of numbers, for formats that have a choice.
    public var byteOrder = ByteReader.Order.little
    /// Whether a model is written that the programs of the format would not load, with a warning instead of a refusal.
    public var forcesNames = false
    /// Whether formats that say of a model what programs need, in words of their own, hold copies of the files of its folder too.
    public var embedsFiles = false
    /// Whether what a language model sees with goes to another file, so that formats with room for the language model alone lose nothing.
    public var hasVisionElsewhere = false
    /// Changes to the metadata of the output, in order.
    public var metadataEdits: [MetadataEdit] = []
    /// What the model is called, where its files do not say; formats that have a place for a name keep it.
    public var modelName: String?
    /// Where a plan's output is to go, for formats whose layout depends on the path; `write` sets it itself.
    public var outputPath: String?

    public init() {}
}

/// What a writer does or did.
public struct WritePlan: Sendable {
    /// Files by name relative to the output, with their sizes in bytes.
    public var files: [(name: String, bytes: Int)] = []
    /// Stored tensors: name and how it is stored, such as "BF16" or "lowRank F16 + sparse F16".
    public var tensors: [(name: String, storage: String, bytes: Int)] = []
    /// Whether the sizes are exact; compressed sizes planned without compressing are upper bounds.
    public var isExact = true
    /// What the format cannot carry, one line each.
    public var warnings: [String] = []

    public init() {}

    public var byteCount: Int { files.reduce(0) { $0 + $1.bytes } }
}
