import Glibc
import ModelGraph

/// Files beside each other that appear together: written under temporary names, and renamed when all are complete.
///
/// The first file takes its name last and, when files are replaced, loses it first: whoever finds the first finds all others.
public final class AtomicFileSet {
    private let paths: [String]
    private let force: Bool
    private var writers: [AtomicFileWriter] = []

    /// - Throws: `FormatError.refused` when a path exists and `force` is false.
    public init(paths: [String], force: Bool) throws {
        self.paths = paths
        self.force = force
        for path in paths { try AtomicFileWriter.checkTarget(path, force: force) }
    }

    /// The writer of the next file; `finish` it, the set gives it its name.
    public func next() throws -> AtomicFileWriter {
        let writer = try AtomicFileWriter(path: paths[writers.count], force: force)
        writers.append(writer)
        return writer
    }

    /// Gives all files their names, or none: what was there before comes back when one cannot be renamed.
    ///
    /// - Precondition: as many files as paths, all finished.
    /// - Throws: `FormatError.writeFailed`.
    public func commit() throws {
        precondition(writers.count == paths.count, "\(writers.count) of \(paths.count) files were written")
        // One file replaces another in one step.
        if writers.count == 1 { return try writers[0].place() }
        var aside: [String] = []
        do {
            if force { for path in paths where access(path, F_OK) == 0 { try moveAside(path, &aside) } }
            for writer in writers.reversed() { try writer.place() }
        } catch {
            for writer in writers { writer.withdraw() }
            for path in aside.reversed() { rename(AtomicFileSet.old(path), path) }
            throw error
        }
        for path in aside { unlink(AtomicFileSet.old(path)) }
    }

    private func moveAside(_ path: String, _ aside: inout [String]) throws {
        guard rename(path, AtomicFileSet.old(path)) == 0 else { throw FormatError.writeFailed(path, AtomicFileWriter.reason()) }
        aside.append(path)
    }

    private static func old(_ path: String) -> String { "\(path).partial-old-\(getpid())" }
}
