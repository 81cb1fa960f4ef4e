import Dispatch
import ModelGraph
import Synchronization

/// What a run of a pipeline has finished, kept outside the process from time to time, so that an equal run goes on where it was interrupted.
///
/// Results depend on nothing but what a run was given, so that those of an equal run are what this one would come to. That the runs are
/// equal is for the caller to see to.
public final class FinishedWork: Sendable {
    /// Unchecked: only `state` holds one, behind its lock; payloads are values over bytes that never change.
    private struct State: @unchecked Sendable {
        /// What an equal run had finished, of each pass.
        var earlier: [Int: WorkSegment] = [:]
        /// What is not kept yet.
        var pending: [Int: WorkSegment] = [:]
        /// The same of what stages find out that is of use until they are done, and its bytes.
        var interim: [InterimStage: WorkSegment] = [:]
        var interimBytes = 0
        /// Stages of which that takes too long to keep.
        var quickStages = Set<InterimStage>()
        var lastSnapshot = DispatchTime.now()
        var lastKept = DispatchTime.now()
        var hasKept = false
        /// Passes whose results are made almost as fast as they are kept.
        var quickPasses = Set<Int>()
        /// What the last snapshot took to keep.
        var snapshotSeconds = 0.0
        /// Names of what other ranks have posted, of each pass.
        var posted: [Int: Posted] = [:]

        /// Lets go of what waits to be kept of a stage.
        mutating func forgetInterim(_ stage: InterimStage) {
            interimBytes -= interim.removeValue(forKey: stage)?.arrayByteCount ?? 0
        }
    }

    /// What other ranks have sent of their own accord.
    struct Posted {
        var tensors = Set<String>()
        /// By `FinishedRecord.key`.
        var records = Set<String>()
    }

    private let state: Mutex<State>
    private let writing = Mutex(())
    private let keep: @Sendable (WorkSegment) throws -> Void
    private let forget: @Sendable (InterimStage) -> Void
    private let secondsBetween: Double
    /// Whether this process keeps what all ranks make, and does not only send what it makes for all.
    let keepsAll: Bool

    /// Seconds of work that may be lost.
    public static let usualSecondsBetween = 30.0
    /// Seconds of work that are not worth keeping, even where nothing else may come for long.
    private static let leastSeconds = 2.0
    /// Keeping is to take no more than this share of the time. Results of a pass for which it takes more, and longer than `patience` at
    /// once, are not kept any longer; snapshots are made less often.
    private static let (share, patience) = (0.1, 1.0)
    /// The same share of what stages find out for a while, which may be large and would take long to find out again.
    private static let interimShare = 0.3
    /// More than this does not wait in memory.
    private static let mostInterimBytes = 1 << 28

    /// - Parameters:
    ///   - earlier: what an equal run has kept, in its order.
    ///   - secondsBetween: from one time of keeping to the next.
    ///   - keepsAll: whether this process keeps what all ranks make; one that does not sends what it alone makes.
    ///   - forget: lets go of all segments of a stage that were kept.
    ///   - keep: puts a segment elsewhere; called on any thread, once at a time.
    public init(
        _ earlier: [WorkSegment] = [], secondsBetween: Double = usualSecondsBetween, keepsAll: Bool = true,
        forget: @escaping @Sendable (InterimStage) -> Void = { _ in }, keep: @escaping @Sendable (WorkSegment) throws -> Void
    ) {
        self.keepsAll = keepsAll
        var state = State()
        for segment in earlier { state.earlier[segment.pass, default: WorkSegment(pass: segment.pass)].add(segment) }
        state.hasKept = !earlier.isEmpty
        self.state = Mutex(state)
        self.secondsBetween = secondsBetween
        self.keep = keep
        self.forget = forget
    }

    /// Whether all that can be is kept, however little work it was.
    var keepsLittle: Bool { secondsBetween == 0 }

    /// What concerns a pass, by its number in the pipeline.
    func pass(_ index: Int) -> FinishedPass {
        FinishedPass(self, index, earlier: state.withLock { $0.earlier[index] } ?? WorkSegment(pass: index))
    }

    /// Adds to what is to be kept, and keeps it when it is time.
    ///
    /// - Parameter soon: whether more may be long in coming.
    func add(_ segment: WorkSegment, soon: Bool = false) throws {
        let isWorthKeeping = state.withLock { state in
            if state.quickPasses.contains(segment.pass) { return false }
            state.pending[segment.pass, default: WorkSegment(pass: segment.pass)].add(segment)
            return true
        }
        guard isWorthKeeping else { return }
        try keepPending(after: soon ? min(FinishedWork.leastSeconds, secondsBetween) : secondsBetween)
    }

    /// Adds what is of use until its stage is done, and keeps it when it is time, or much.
    func addInterim(_ segment: WorkSegment, _ stage: InterimStage) throws {
        let isMuch = state.withLock { state in
            if state.quickStages.contains(stage) { return false }
            state.interim[stage, default: WorkSegment(pass: stage.pass)].add(segment)
            state.interimBytes += segment.arrayByteCount
            return state.interimBytes > FinishedWork.mostInterimBytes
        }
        try keepPending(after: isMuch ? 0 : secondsBetween)
    }

    /// Lets go of what a stage has found out that is done, once what it came to is kept.
    func forgetInterim(_ stage: InterimStage) throws {
        state.withLock { $0.forgetInterim(stage) }
        try keepPending(after: 0)
        writing.withLock { _ in forget(stage) }
    }

    /// Adds what another rank has made and sends before all come together.
    public func addPosted(_ segment: WorkSegment) throws {
        state.withLock { state in
            state.posted[segment.pass, default: Posted()].tensors.formUnion(segment.tensors.map(\.name))
            state.posted[segment.pass, default: Posted()].records.formUnion(segment.records.map(\.key))
        }
        try add(segment)
    }

    func posted(_ pass: Int) -> Posted { state.withLock { $0.posted[pass] } ?? Posted() }

    /// Lets go of what is not sent yet of a pass.
    func forgetPosts(_ pass: Int) {
        if keepsAll { return }
        state.withLock { $0.pending[pass] = nil }
    }

    /// Adds to what is to be kept, and keeps it.
    func addNow(_ segment: WorkSegment) throws {
        state.withLock { $0.pending[segment.pass, default: WorkSegment(pass: segment.pass)].add(segment) }
        try keepPending(after: 0)
        // Another thread may have taken it to keep: it is kept when that has ended.
        writing.withLock { _ in }
    }

    /// Whether a snapshot would be kept now.
    var isTimeForSnapshot: Bool {
        state.withLock { FinishedWork.seconds(since: $0.lastSnapshot) >= max(secondsBetween, $0.snapshotSeconds / FinishedWork.share) }
    }

    /// Keeps what an interrupted run has finished, if that took more than some seconds.
    ///
    /// - Returns: whether anything is kept, now or before.
    public func keepAtInterruption() throws -> Bool {
        try keepPending(after: min(FinishedWork.leastSeconds, secondsBetween))
        return state.withLock { $0.hasKept }
    }

    private func keepPending(after seconds: Double) throws {
        let (due, interim, worked) = state.withLock { state -> ([WorkSegment], [InterimStage: WorkSegment], Double) in
            let worked = FinishedWork.seconds(since: state.lastKept)
            guard !state.pending.isEmpty || !state.interim.isEmpty, worked >= seconds else { return ([], [:], worked) }
            defer {
                (state.pending, state.interim, state.interimBytes) = ([:], [:], 0)
                (state.lastKept, state.hasKept) = (.now(), true)
            }
            return (state.pending.values.sorted { $0.pass < $1.pass }, state.interim, worked)
        }
        if due.isEmpty, interim.isEmpty { return }
        // First what a snapshot may stand on.
        for stage in interim.keys.sorted() { if let segment = interim[stage] { try keep(segment, of: stage, worked) } }
        let start = DispatchTime.now()
        try writing.withLock { _ in for segment in due { try keep(segment) } }
        let taken = FinishedWork.seconds(since: start)
        state.withLock { state in
            state.lastKept = .now()
            if due.contains(where: { $0.snapshot != nil }) {
                (state.snapshotSeconds, state.lastSnapshot) = (taken, .now())
            } else if taken > max(FinishedWork.patience, FinishedWork.share * worked) {
                state.quickPasses.formUnion(due.map(\.pass))
                for segment in due { state.pending[segment.pass] = nil }
            }
        }
    }

    /// Keeps what a stage has found out, and sees how long that takes.
    private func keep(_ segment: WorkSegment, of stage: InterimStage, _ worked: Double) throws {
        let start = DispatchTime.now()
        var segment = segment
        segment.interim = stage.name
        try writing.withLock { _ in try keep(segment) }
        if keepsLittle || FinishedWork.seconds(since: start) <= max(FinishedWork.patience, FinishedWork.interimShare * worked) { return }
        state.withLock { state in
            state.quickStages.insert(stage)
            state.forgetInterim(stage)
        }
    }

    private static func seconds(since start: DispatchTime) -> Double {
        Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1e9
    }
}
