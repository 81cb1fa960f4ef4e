import Execution
import FormatKit
import FoundationEssentials
import Glibc
import ModelGraph
import PassKit
import Synchronization

/// What an interrupted run of a pipeline has finished: a folder beside the output that is there until the output is.
///
/// `run.json` says what the run was given. Each numbered container is a segment; one a pass, replaced by each later one, says where that pass
/// stands.
final class UnfinishedRun: @unchecked Sendable {
    let path: String
    /// All that results depend on.
    private let identity: () throws -> [String: String]
    private let format: any WritableFormat
    private let execution: ExecutionContext
    private let segmentCount = Mutex(0)

    private static let identityName = "run.json"
    private static let fileExtension = ".caplet"
    private static let snapshotPrefix = "pass-"

    /// - Parameters:
    ///   - identity: all that the run's results depend on; asked for when it is needed.
    ///   - format: of the containers.
    init(output: String, identity: @escaping () throws -> [String: String], format: any WritableFormat, threads: Int) {
        var trimmed = output
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        path = "\(trimmed).unfinished"
        self.identity = identity
        self.format = format
        // Not the run's own: when that is cancelled, this is to keep what it has.
        execution = ExecutionContext(threads: threads)
    }

    /// Does the work of the run, with what an equal run has finished. What this one finishes is kept if it fails, and removed with all else
    /// when it is done.
    ///
    /// - Parameters:
    ///   - force: throw away what another run has finished, and what is damaged.
    ///   - note: is given lines for a person.
    /// - Throws: as `segments`, and what `body` throws.
    func run<Result>(force: Bool, note: (String) -> Void, _ body: (FinishedWork) throws -> Result) throws -> Result {
        let earlier = try segments(force: force)
        if !earlier.isEmpty { note("goes on from what an interrupted run has finished, \(path)") }
        let work = FinishedWork(earlier) { try self.keep($0) }
        do {
            let result = try body(work)
            remove()
            return result
        } catch {
            if (try? work.keepAtInterruption()) == true { note("what is finished is in \(path); the same command goes on from there") }
            throw error
        }
    }

    /// What an equal run has finished, in its order; empty when there was none.
    ///
    /// - Parameter force: throw away what another run has finished, and what is damaged.
    /// - Throws: `FormatError.refused` for the work of another run, `.malformed` for a damaged container, both unless `force`.
    private func segments(force: Bool) throws -> [WorkSegment] {
        guard access(path, F_OK) == 0 else { return [] }
        let names = try FolderListing.names(in: path).filter { UnfinishedRun.isContainer($0) }
        if names.isEmpty {
            remove()
            return []
        }
        if let difference = try difference() {
            guard force else {
                throw FormatError.refused(
                    path, "holds what another run has finished (\(difference)); its command goes on from there, --force begins anew")
            }
            remove()
            return []
        }
        segmentCount.withLock { $0 = names.compactMap { Int($0.dropLast(UnfinishedRun.fileExtension.count)) }.max() ?? 0 }
        do {
            return try names.map { name in
                let path = "\(path)/\(name)"
                return try WorkSegment(format.read(path, ReadContext(execution: execution)), path: path)
            }
        } catch let error as FormatError {
            guard force else {
                throw FormatError(error.kind, path: error.path, object: error.object, "\(error.message); --force begins anew")
            }
            remove()
            return []
        }
    }

    /// How the run in the folder differs from this one; nil for an equal one.
    private func difference() throws -> String? {
        let path = "\(path)/\(UnfinishedRun.identityName)"
        guard access(path, F_OK) == 0 else { return "it does not say which" }
        let bytes = try MappedFile(path: path).withBytes { Data($0) }
        guard let other = try? JSONOutput.value([String: String].self, from: bytes) else { return "it does not say which" }
        let identity = try identity()
        for key in Set(identity.keys).union(other.keys).sorted() where identity[key] != other[key] {
            return "\(key) \(other[key] ?? "none"), not \(identity[key] ?? "none")"
        }
        return nil
    }

    /// Puts a segment into the folder, on the disk when this returns.
    private func keep(_ segment: WorkSegment) throws {
        guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
            throw FormatError.writeFailed(path, "cannot be made: \(String(cString: strerror(errno)))")
        }
        if access("\(path)/\(UnfinishedRun.identityName)", F_OK) != 0 {
            let writer = try AtomicFileWriter(path: "\(path)/\(UnfinishedRun.identityName)", force: false)
            try writer.write(Array(try JSONOutput.line(identity()).utf8))
            try writer.commit()
        }
        var options = WriteOptions()
        if let graph = try segment.resultGraph() {
            let number = segmentCount.withLock { count in
                count += 1
                return count
            }
            let zeros = String(repeating: "0", count: max(6 - String(number).count, 0))
            _ = try format.write(graph, to: "\(path)/\(zeros)\(number)\(UnfinishedRun.fileExtension)", options, execution)
        }
        let snapshotPath = "\(path)/\(UnfinishedRun.snapshotPrefix)\(segment.pass)\(UnfinishedRun.fileExtension)"
        options.force = true
        if segment.report != nil {
            unlink(snapshotPath)
        } else if let graph = try segment.snapshotGraph() {
            _ = try format.write(graph, to: snapshotPath, options, execution)
        }
    }

    /// Removes what runs have made in the folder, and the folder if nothing else is in it.
    private func remove() {
        for name in (try? FolderListing.names(in: path)) ?? [] {
            // A run that was killed may have left a file under its temporary name.
            let final = name.firstRange(of: ".partial-").map { String(name[..<$0.lowerBound]) } ?? name
            if final == UnfinishedRun.identityName || UnfinishedRun.isContainer(final) { unlink("\(path)/\(name)") }
        }
        rmdir(path)
    }

    /// Whether `keep` gives files such names.
    private static func isContainer(_ name: String) -> Bool {
        guard name.hasSuffix(fileExtension) else { return false }
        let stem = name.dropLast(fileExtension.count)
        let digits = stem.hasPrefix(snapshotPrefix) ? stem.dropFirst(snapshotPrefix.count) : stem
        return !digits.isEmpty && digits.allSatisfy { ("0"..."9").contains($0) }
    }
}
