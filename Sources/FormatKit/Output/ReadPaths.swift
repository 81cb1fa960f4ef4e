import CLibrary
import ModelGraph

/// What a command reads: none of it, and no folder above it, may be where it writes, and none of it may change meanwhile.
public struct ReadPaths: Sendable {
    private var stamps: [FileStamp] = []
    private var known = Set<FileStamp>()
    /// Folders that lead to what is read, by the paths that were given and by those that links lead to; with the path that is below.
    private var folders: [FileIdentity: String] = [:]

    public init() {}

    public init(_ graph: TensorGraph) { add(graph) }

    public mutating func add(_ graph: TensorGraph) {
        for stamp in graph.sources { add(stamp) }
    }

    /// A file or folder that is read. One that is not there is none: whoever opens it says so.
    public mutating func add(_ path: String) {
        if let stamp = FileStamp(path: path) { add(stamp) }
    }

    public mutating func add(_ stamp: FileStamp) {
        guard known.insert(stamp).inserted else { return }
        stamps.append(stamp)
        for path in [ReadPaths.real(PathParts(stamp.path).folder), ReadPaths.real(stamp.path).map { PathParts($0).folder }] {
            guard var folder = path else { continue }
            while let identity = FileIdentity(path: folder), folders[identity] == nil {
                folders[identity] = stamp.path
                folder = PathParts(folder).folder
            }
        }
    }

    private static func real(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// - Throws: `FormatError.refused` when `output` is something that is read, or holds it however deep.
    public func check(output: String) throws {
        guard let identity = FileIdentity(path: output) else { return }
        if let same = stamps.first(where: { $0.identity == identity }) {
            let name = same.path == output ? "the input" : "the input '\(same.path)'"
            throw FormatError.refused(output, "is \(name); the output needs another path")
        }
        if let inside = folders[identity] {
            throw FormatError.refused(output, "holds the input '\(inside)'; the output needs another path")
        }
    }

    /// - Throws: `FormatError.malformed` for the first file that is not what it was when it was opened: nothing is known of what was read.
    public func checkUnchanged() throws {
        if let path = MappedFile.faultedPath {
            throw FormatError.malformed(path, "", "could not be read to its end: it shrank, or its disk failed")
        }
        for stamp in stamps {
            if let change = stamp.change { throw FormatError.malformed(stamp.path, "", "changed while it was read: \(change)") }
        }
    }
}
