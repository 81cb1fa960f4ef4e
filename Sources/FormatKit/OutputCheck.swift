import Glibc
import ModelGraph

/// Refuses outputs that would replace what the graph is still read from.
public enum OutputCheck {
    /// - Throws: `FormatError.refused` when `path` is one of the graph's sources, holds one, or lies where none can be written.
    public static func run(_ path: String, _ graph: TensorGraph) throws {
        let sources = Set(graph.sources)
        guard !sources.isEmpty, let identity = FileIdentity(path: path) else { return }
        if sources.contains(identity) { throw FormatError.refused(path, "is the input; the output needs another path") }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
        for name in try FolderListing.names(in: path) {
            if let inside = FileIdentity(path: "\(path)/\(name)"), sources.contains(inside) {
                throw FormatError.refused(path, "holds the input '\(name)'; the output needs another path")
            }
        }
    }
}
