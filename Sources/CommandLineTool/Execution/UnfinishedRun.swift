import Execution
import FormatKit
import FoundationEssentials
import Glibc
import ModelGraph
import PassKit
import Synchronization

/// What an interrupted run of a pipeline has finished: a folder beside the output that is there until the output is.
///
/// `run.json` says what the run was given, and each numbered container holds a segment: payloads as tensors, all else in an attachment.
final class UnfinishedRun: @unchecked Sendable {
    let path: String
    /// All that results depend on.
    private let identity: () throws -> [String: String]
    private let format: any WritableFormat
    private let execution: ExecutionContext
    private let segmentCount = Mutex(0)

    private static let identityName = "run.json"
    private static let recordName = "finished.json"

    /// - Parameters:
    ///   - identity: all that the run's results depend on; asked for when it is needed.
    ///   - format: of the containers.
    init(output: String, identity: @escaping () throws -> [String: String], format: any WritableFormat, threads: Int) {
        var trimmed = output
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        path = "\(trimmed).unfinished"
        self.identity = identity
        self.format = format
        // An interrupted run is to keep what it has.
        execution = ExecutionContext(threads: threads)
    }

    /// Does the work of the run, with what an equal run has finished. What this one finishes is kept if it fails, and removed with all else
    /// when it is done.
    ///
    /// - Parameters:
    ///   - force: throw away what another run has finished.
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
    /// - Parameter force: throw away what another run has finished.
    /// - Throws: `FormatError.refused` for the work of another run, unless `force`; what reading a container throws.
    private func segments(force: Bool) throws -> [WorkSegment] {
        guard access(path, F_OK) == 0 else { return [] }
        let names = try FolderListing.names(in: path).filter { $0.hasSuffix(".caplet") }
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
        segmentCount.withLock { $0 = names.compactMap { Int($0.dropLast(".caplet".count)) }.max() ?? 0 }
        return try names.map { try segment("\(path)/\($0)") }
    }

    /// Puts a segment into the folder, on the disk when this returns.
    private func keep(_ segment: WorkSegment) throws {
        if mkdir(path, 0o777) == 0 {
            let writer = try AtomicFileWriter(path: "\(path)/\(UnfinishedRun.identityName)", force: false)
            try writer.write(Array(try JSONOutput.line(identity()).utf8))
            try writer.commit()
        } else if errno != EEXIST {
            throw FormatError.writeFailed(path, "cannot be made: \(String(cString: strerror(errno)))")
        }
        var graph = TensorGraph()
        for tensor in segment.tensors {
            try graph.append(Tensor(name: tensor.name, shape: tensor.payload.shape, dtype: .f32, payload: tensor.payload))
        }
        let record = Record(
            pass: segment.pass, entries: segment.tensors.compactMap(\.report), losses: segment.losses, report: segment.report)
        graph.attachments = [Attachment(name: UnfinishedRun.recordName, bytes: Array(try JSONOutput.line(record).utf8))]
        let number = segmentCount.withLock { count in
            count += 1
            return count
        }
        let digits = String(number)
        let name = String(repeating: "0", count: max(6 - digits.count, 0)) + digits
        _ = try format.write(graph, to: "\(path)/\(name).caplet", WriteOptions(), execution)
    }

    /// Removes the folder and what this made in it.
    private func remove() {
        for name in (try? FolderListing.names(in: path)) ?? [] where name == UnfinishedRun.identityName || name.contains(".caplet") {
            unlink("\(path)/\(name)")
        }
        rmdir(path)
    }

    /// What of a segment is no payload.
    private struct Record: Codable {
        let pass: Int
        /// Of tensors that were made one by one.
        let entries: [TensorReport]
        let losses: [FinishedLosses]
        let report: PassReport?
    }

    private func segment(_ path: String) throws -> WorkSegment {
        let graph = try format.read(path, ReadContext(execution: execution))
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        let bytes = graph.attachment(UnfinishedRun.recordName).map { Data($0.bytes) }
        guard let bytes, let record = try? decoder.decode(Record.self, from: bytes) else {
            throw FormatError.malformed(path, UnfinishedRun.recordName, "does not say what was finished")
        }
        var segment = WorkSegment(pass: record.pass)
        let entries = Dictionary(record.entries.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        segment.tensors = graph.tensors.map { FinishedTensor(name: $0.name, payload: $0.payload, report: entries[$0.name]) }
        (segment.losses, segment.report) = (record.losses, record.report)
        return segment
    }

    /// How the run in the folder differs from this one; nil for an equal one.
    private func difference() throws -> String? {
        let path = "\(path)/\(UnfinishedRun.identityName)"
        guard access(path, F_OK) == 0 else { return "it does not say which" }
        let bytes = try MappedFile(path: path).withBytes { Data($0) }
        guard let other = try? JSONDecoder().decode([String: String].self, from: bytes) else { return "it does not say which" }
        let identity = try identity()
        for key in Set(identity.keys).union(other.keys).sorted() where identity[key] != other[key] {
            return "\(key) \(other[key] ?? "none"), not \(identity[key] ?? "none")"
        }
        return nil
    }
}
