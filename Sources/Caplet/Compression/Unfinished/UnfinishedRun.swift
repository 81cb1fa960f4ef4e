import CLibrary
import Execution
import FormatKit
import FoundationEssentials
import ModelGraph
import PassKit
import Synchronization

/// What an interrupted run of a pipeline has finished: a folder beside the output that is there until the output is.
///
/// `run.json` says what the run was given. Each numbered container is a segment; one a pass, replaced by each later one, says where that pass
/// stands. A run has a lock on the folder.
final class UnfinishedRun: Sendable {
    let path: String
    /// All that results depend on.
    private let identity: @Sendable () throws -> [String: String]
    private let format: any WritableFormat & VerifiableFormat
    private let execution: ExecutionContext
    /// Throws when the inputs are not what they were: what came of them is not worth keeping.
    private let checkInputs: @Sendable () throws -> Void
    private let state = Mutex(State())

    private struct State {
        var segmentCount = 0
        var lock: FolderLock?
        /// Why nothing is kept any longer.
        var failure: String?
        /// Why what stages find out for a while is not.
        var interimFailure: String?
        /// The files of that.
        var interim: [InterimStage: [String]] = [:]
    }

    /// - Parameters:
    ///   - identity: all that the run's results depend on; asked for when it is needed.
    ///   - format: of the containers.
    init(
        output: String, identity: @escaping @Sendable () throws -> [String: String], format: any WritableFormat & VerifiableFormat,
        threads: Int,
        checkInputs: @escaping @Sendable () throws -> Void
    ) {
        path = UnfinishedRun.path(beside: output)
        self.identity = identity
        self.format = format
        self.checkInputs = checkInputs
        // Not the run's own: when that is cancelled, this is to keep what it has.
        execution = ExecutionContext(threads: threads)
    }

    /// Does the work of the run, with what an equal run has finished. What this one finishes is kept if it fails, and removed with all else
    /// when it is done.
    ///
    /// - Parameter beginsAnew: throw away what any run has finished, and begin anew.
    /// - Throws: as `segments`, and what `body` throws.
    func run<Result>(beginsAnew: Bool, _ context: RequestContext, _ body: (FinishedWork) throws -> Result) throws -> Result {
        let ensemble = context.execution.ensemble
        let earlier = try UnfinishedRun.all(ensemble.isFirst ? segments(beginsAnew: beginsAnew, context) : [], ensemble)
        if !earlier.isEmpty { context.note("goes on from what an interrupted run has finished, \(path)") }
        let work = work(earlier, ensemble, context)
        defer { ensemble.whenPosted(nil) }
        do {
            let result = try body(work)
            if ensemble.isFirst { UnfinishedFolder(path).remove() }
            return result
        } catch {
            if ensemble.isFirst, (try? work.keepAtInterruption()) == true, access(path, F_OK) == 0 {
                context.note("what is finished is in \(path): an equal run that does not begin anew goes on from there")
            }
            throw error
        }
    }

    /// What rank 0 has found, for all ranks.
    private static func all(_ segments: [WorkSegment], _ ensemble: any Ensemble) throws -> [WorkSegment] {
        guard ensemble.isShared else { return segments }
        // What a process by itself has kept for itself may be large.
        let segments = segments.filter { $0.interim == nil }
        let count = Int(try ensemble.broadcast(Double(segments.count), from: 0))
        return try (0..<count).map { index in
            let message = try ensemble.broadcast(ensemble.isFirst ? segments[index].message() : [], from: 0)
            return ensemble.isFirst ? segments[index] : try WorkSegment(message: message)
        }
    }

    /// Seconds after which a rank sends what it alone has made to rank 0: with those that rank 0 takes to keep it less than a minute.
    private static let secondsBetweenPosts = 15.0

    /// Rank 0 keeps in the folder what it makes, and what others send it of theirs.
    private func work(_ earlier: [WorkSegment], _ ensemble: any Ensemble, _ context: RequestContext) -> FinishedWork {
        guard ensemble.isFirst else {
            return FinishedWork(earlier, secondsBetween: Self.secondsBetweenPosts, keepsAll: false) { try ensemble.post($0.message()) }
        }
        let work = FinishedWork(earlier, forget: { self.forget($0) }, keep: { self.keep($0, context) })
        ensemble.whenPosted { message, rank in
            do {
                try work.addPosted(WorkSegment(message: message))
            } catch {
                context.note("what rank \(rank) has finished cannot be kept: \(error)")
            }
        }
        return work
    }

    /// What an equal run has finished, in its order; empty when there was none.
    ///
    /// - Throws: `FormatError.refused` for the work of another run, unless it begins anew, and while a run works on it.
    private func segments(beginsAnew: Bool, _ context: RequestContext) throws -> [WorkSegment] {
        guard let stamp = FileStamp(path: path) else { return [] }
        guard stamp.isFolder else {
            state.withLock { $0.failure = "\(path): is no folder" }
            context.note("\(path): is no folder, so that nothing is kept of what this run finishes")
            return []
        }
        try lock()
        let folder = UnfinishedFolder(path)
        let names = try folder.containers()
        if beginsAnew || names.isEmpty {
            folder.remove()
            return []
        }
        switch try folder.difference(from: identity()) {
        case .equal: break
        case .damaged:
            context.note("\(path): does not say any longer which run's it is, so that what is in it cannot be used; begins anew")
            folder.remove()
            return []
        case .other(let difference):
            throw FormatError.refused(
                path, "holds what another run has finished (\(difference)); its request goes on from there", remedy: .beginAnew)
        }
        state.withLock { $0.segmentCount = folder.lastNumber(of: names) }
        return try read(names, context)
    }

    /// The segments that are whole. What a damaged one held is made again: with it goes what says that all of its pass is finished.
    private func read(_ names: [String], _ context: RequestContext) throws -> [WorkSegment] {
        var segments: [WorkSegment] = []
        var incomplete = Set<Int>()
        var isAnyIncomplete = false
        for name in names {
            let path = "\(path)/\(name)"
            var pass: Int?
            do {
                let segment = try WorkSegment(format.read(path, ReadContext(execution: execution)), path: path)
                pass = segment.pass
                _ = try format.verify(path, execution)
                segments.append(segment)
                if let stage = segment.interim {
                    state.withLock { $0.interim[InterimStage(pass: segment.pass, name: stage), default: []].append(path) }
                }
            } catch let error where error is FormatError || error is FileAccessError || error is GraphError {
                context.note("what was kept in \(path) is damaged, and is made again: \(error)")
                unlink(path)
                if let pass { incomplete.insert(pass) } else { isAnyIncomplete = true }
            }
        }
        for index in segments.indices where isAnyIncomplete || incomplete.contains(segments[index].pass) { segments[index].report = nil }
        return segments
    }

    private func lock() throws {
        try state.withLock { state in
            if state.lock != nil { return }
            guard let lock = try FolderLock(path) else { throw FormatError.refused(path, "is at work in another run") }
            state.lock = lock
        }
    }

    /// Puts a segment into the folder, on the disk when this returns. When that cannot be, nothing is kept from then on: the run goes on.
    private func keep(_ segment: WorkSegment, _ context: RequestContext) {
        guard state.withLock({ $0.failure == nil }) else { return }
        do {
            try write(segment)
        } catch let error where segment.interim != nil {
            state.withLock { $0.interimFailure = "\(error)" }
            context.note("what takes long to find out again is too much to keep: \(error)")
        } catch {
            state.withLock { $0.failure = "\(error)" }
            context.note("what is finished can no longer be kept, and is lost if the run is interrupted: \(error)")
        }
    }

    private func write(_ segment: WorkSegment) throws {
        try checkInputs()
        let folder = UnfinishedFolder(path)
        try folder.make()
        try lock()
        try folder.identify(identity)
        if segment.interim != nil, state.withLock({ $0.interimFailure != nil }) { return }
        if let graph = try segment.resultGraph() {
            let number = state.withLock { state in
                state.segmentCount += 1
                return state.segmentCount
            }
            let path = folder.segmentPath(number)
            _ = try format.write(graph, to: path, WriteOptions(), execution)
            if let stage = segment.interim {
                state.withLock { $0.interim[InterimStage(pass: segment.pass, name: stage), default: []].append(path) }
            }
        }
        var options = WriteOptions()
        options.force = true
        if segment.report != nil {
            unlink(folder.snapshotPath(segment.pass))
        } else if let graph = try segment.snapshotGraph() {
            _ = try format.write(graph, to: folder.snapshotPath(segment.pass), options, execution)
        }
    }

    /// Removes what a stage has found out that is done.
    private func forget(_ stage: InterimStage) {
        for path in state.withLock({ $0.interim.removeValue(forKey: stage) }) ?? [] { unlink(path) }
    }

    /// Where what is unfinished of an output lies. A long name is cut, and told apart from others by a digest.
    static func path(beside output: String) -> String {
        let ending = ".unfinished", longest = 255
        var trimmed = output
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        let name = trimmed.split(separator: "/").last.map(String.init) ?? trimmed
        guard name.utf8.count + ending.utf8.count > longest else { return trimmed + ending }
        let digest = "-" + Array(name.utf8).withUnsafeBytes { ContentDigest(of: $0).hexadecimal }
        var stem = name
        while stem.utf8.count + digest.utf8.count + ending.utf8.count > longest { stem.removeLast() }
        return trimmed.dropLast(name.count) + stem + digest + ending
    }
}
