import CLibrary
import Execution
import Synchronization

/// Ranks that send messages through MPI.
///
/// Two threads take turns in the library: that of the work, which sends and receives, and one of the ensemble's own, which takes what is posted, says
/// that this rank is alive, and watches that the others are. Neither ever blocks in it: they look whether a message is done, and sleep.
///
/// Safe to share: what changes lies behind locks; `send` and `receive` belong to one thread.
public final class MPIEnsemble: Ensemble, @unchecked Sendable {
    public let rank: Int
    public let count: Int
    public let host: String
    private let library: MessageLibrary
    private let turn = Mutex(())
    private let cancellation: Cancellation
    private let state = Mutex(State())
    private let posting = Mutex(())
    private var service: SystemThread?
    private let secondsOfSilence: Double
    private let say: @Sendable (String) -> Void

    private struct State {
        var traffic = EnsembleTraffic()
        var isClosing = false
        /// When a rank was heard of last.
        var lastHeard: [Double]
        var posted: (@Sendable ([UInt8], Int) -> Void)?
        var advanced: (@Sendable (Int, String) -> Void)?
        /// What this rank's work failed with; the first to tell of it is rank 0.
        var told = false
        /// What has come of posts that go on, by rank.
        var parts: [Int: [UInt8]] = [:]

        init(count: Int = 0, now: Double = 0) { lastHeard = [Double](repeating: now, count: count) }
    }

    /// What messages are for: each kind has a tag of its own.
    private enum Tag {
        static let work: Int32 = 1
        static let service: Int32 = 2
    }

    /// What the service thread is sent, by the first byte.
    private enum Word: UInt8 {
        case alive = 1
        case advance
        case post
        /// What is posted goes on in the next message of its kind.
        case partOfPost
        /// A rank cannot go on: a status, and the line that says why.
        case failed
    }

    /// Silence after which a rank counts as lost, where nobody says.
    public static let usualSecondsOfSilence = 120.0
    private static let secondsBetweenSigns = 1.0
    /// A post goes in pieces, whose length MPI can say.
    private static let postBytes = 64 << 20
    /// How long a failing rank waits for rank 0 to say so.
    private static let secondsToBeHeard = 3.0

    /// Joins the ranks that were started together; all of them do.
    ///
    /// - Parameters:
    ///   - path: of the library; nil to look for it.
    ///   - secondsOfSilence: after which a rank counts as lost, and the others end.
    ///   - say: is given the line that says why all ranks end, where this one's work does not say it.
    /// - Throws: `EnsembleError` of kind unsupported.
    public init(
        library path: String?, secondsOfSilence: Double = usualSecondsOfSilence, cancellation: Cancellation,
        say: @escaping @Sendable (String) -> Void
    ) throws {
        self.say = say
        library = try MessageLibrary(path)
        self.cancellation = cancellation
        self.secondsOfSilence = secondsOfSilence
        var (rank, count): (Int32, Int32) = (0, 1)
        var host = [CChar](repeating: 0, count: 256)
        let code = library.open(&rank, &count, &host, Int32(host.count))
        guard code == 0 else { throw EnsembleError(.unsupported, "MPI cannot be used: \(MPIEnsemble.explain(library, code))") }
        (self.rank, self.count) = (Int(rank), Int(count))
        self.host = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let (ranks, now) = (Int(count), MPIEnsemble.now)
        state.withLock { $0 = State(count: ranks, now: now) }
        service = SystemThread { [self] in serve() }
    }

    public var traffic: EnsembleTraffic { state.withLock { $0.traffic } }
    public func whenPosted(_ body: (@Sendable ([UInt8], Int) -> Void)?) { state.withLock { $0.posted = body } }
    public func whenAdvanced(_ body: (@Sendable (Int, String) -> Void)?) { state.withLock { $0.advanced = body } }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func explain(_ library: MessageLibrary, _ code: Int32) -> String {
        var text = [CChar](repeating: 0, count: 512)
        library.explain(code, &text, Int32(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func check(_ code: Int32, _ what: String) throws {
        if code != 0 { throw EnsembleError(.lost, "rank \(rank) on \(host) cannot \(what): \(MPIEnsemble.explain(library, code))") }
    }

    // MARK: - Work

    /// MPI counts bytes in 32 bits.
    private static let longestMessage = 1 << 30

    private static func pieces(_ count: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: longestMessage).map { $0..<min($0 + longestMessage, count) }
    }

    public func send(_ bytes: UnsafeRawBufferPointer, to rank: Int) throws {
        for piece in MPIEnsemble.pieces(bytes.count) { try send(UnsafeRawBufferPointer(rebasing: bytes[piece]), to: rank, Tag.work) }
    }

    private func send(_ bytes: UnsafeRawBufferPointer, to other: Int, _ tag: Int32) throws {
        var slot: Int32 = 0
        guard let length = Int32(exactly: bytes.count) else { preconditionFailure("a message of \(bytes.count) bytes") }
        try check(turn.withLock { _ in library.send(bytes.baseAddress, length, Int32(other), tag, &slot) }, "send to rank \(other)")
        _ = try wait(slot, "send to rank \(other)") {}
        state.withLock { $0.traffic.bytesSent += bytes.count }
    }

    public func receive(_ bytes: UnsafeMutableRawBufferPointer, from other: Int) throws {
        for piece in MPIEnsemble.pieces(bytes.count) {
            try receivePiece(UnsafeMutableRawBufferPointer(rebasing: bytes[piece]), from: other)
        }
    }

    private func receivePiece(_ bytes: UnsafeMutableRawBufferPointer, from other: Int) throws {
        var slot: Int32 = 0
        guard let length = Int32(exactly: bytes.count) else { preconditionFailure("a message of \(bytes.count) bytes") }
        try check(
            turn.withLock { _ in library.receive(bytes.baseAddress, length, Int32(other), Tag.work, &slot) }, "receive from rank \(other)")
        let found = try wait(slot, "receive from rank \(other)") { self.giveUp(slot) }
        guard found == bytes.count else {
            throw EnsembleError(.lost, "rank \(other) sent \(found) bytes where \(bytes.count) were to come")
        }
        state.withLock { $0.traffic.bytesReceived += found }
    }

    /// Looks until a message is done, more and more seldom.
    ///
    /// - Parameter giveUp: called where it is no longer waited for.
    /// - Returns: its length, where it was received.
    private func wait(_ slot: Int32, _ what: String, giveUp: () -> Void) throws -> Int {
        let start = MPIEnsemble.now
        var (looks, done, length): (Int, Int32, Int32) = (0, 0, 0)
        while true {
            try check(turn.withLock { _ in library.test(slot, &done, &length) }, what)
            if done != 0 { break }
            looks += 1
            if cancellation.isRequested {
                giveUp()
                throw Cancelled()
            }
            if looks < 64 { sched_yield() } else { usleep(UInt32(min(looks - 32, 500))) }
        }
        let waited = MPIEnsemble.now - start
        state.withLock { $0.traffic.secondsWaited += waited }
        return Int(length)
    }

    /// Sees to it that a message that is not waited for any longer is not written where it was to go.
    private func giveUp(_ slot: Int32) {
        var done: Int32 = 0
        for _ in 0..<1000 {
            guard turn.withLock({ _ in library.cancel(slot, &done) }) == 0, done == 0 else { return }
            usleep(1000)
        }
    }

    // MARK: - Service

    public func advance(by units: Int, remark: String) {
        guard rank != 0 else { return }
        let text = withUnsafeBytes(of: Int64(units).littleEndian) { [UInt8]($0) } + Array(remark.utf8)
        // Progress that does not arrive is no failure; where rank 0 is gone the work finds out.
        try? tell(.advance, text, to: 0)
    }

    public func post(_ bytes: [UInt8]) throws {
        guard rank != 0 else { return }
        try posting.withLock { _ in
            for start in stride(from: 0, to: max(bytes.count, 1), by: MPIEnsemble.postBytes) {
                let end = min(start + MPIEnsemble.postBytes, bytes.count)
                try tell(end < bytes.count ? .partOfPost : .post, Array(bytes[start..<end]), to: 0)
            }
        }
    }

    private func tell(_ word: Word, _ bytes: [UInt8], to other: Int) throws {
        try ([word.rawValue] + bytes).withUnsafeBytes { try send($0, to: other, Tag.service) }
    }

    private func serve() {
        var lastSign = 0.0
        while !state.withLock({ $0.isClosing }) {
            let now = MPIEnsemble.now
            if now - lastSign >= MPIEnsemble.secondsBetweenSigns {
                lastSign = now
                for other in rank == 0 ? Array(1..<max(count, 1)) : [0] { try? tell(.alive, [], to: other) }
            }
            while let (word, bytes, other) = next() { take(word, bytes, from: other) }
            watch(MPIEnsemble.now)
            usleep(2000)
        }
    }

    /// A message of the service that waits.
    private func next() -> (Word?, [UInt8], Int)? {
        var (found, other, length, slot): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
        guard turn.withLock({ _ in library.probe(Tag.service, &found, &other, &length) }) == 0, found != 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(length))
        let isReceived = bytes.withUnsafeMutableBytes { bytes -> Bool in
            guard turn.withLock({ _ in library.receive(bytes.baseAddress, length, other, Tag.service, &slot) }) == 0 else { return false }
            var (done, got): (Int32, Int32) = (0, 0)
            while done == 0 {
                guard turn.withLock({ _ in library.test(slot, &done, &got) }) == 0 else { return false }
                if done == 0 { usleep(50) }
            }
            return true
        }
        guard isReceived, let first = bytes.first else { return nil }
        state.withLock { $0.lastHeard[Int(other)] = MPIEnsemble.now }
        return (Word(rawValue: first), Array(bytes.dropFirst()), Int(other))
    }

    private func take(_ word: Word?, _ bytes: [UInt8], from other: Int) {
        switch word {
        case .advance where bytes.count >= 8:
            let units = bytes.withUnsafeBytes { Int64(littleEndian: $0.loadUnaligned(as: Int64.self)) }
            state.withLock { $0.advanced }?(Int(units), String(decoding: bytes[8...], as: UTF8.self))
        case .partOfPost: state.withLock { $0.parts[other, default: []] += bytes }
        case .post:
            let (before, body) = state.withLock { ($0.parts.removeValue(forKey: other) ?? [], $0.posted) }
            body?(before + bytes, other)
        case .failed where bytes.count >= 4:
            let status = bytes.withUnsafeBytes { Int32(littleEndian: $0.loadUnaligned(as: Int32.self)) }
            fail("rank \(other): \(String(decoding: bytes[4...], as: UTF8.self))", status: status, afterSeconds: 1)
        default: break
        }
    }

    /// Ends all ranks when one is silent.
    private func watch(_ now: Double) {
        guard secondsOfSilence > 0 else { return }
        let silent = state.withLock { state in
            (rank == 0 ? Array(1..<max(count, 1)) : [0]).first { now - state.lastHeard[$0] > secondsOfSilence }
        }
        guard let silent else { return }
        fail("rank \(silent) has not been heard of for \(Int(secondsOfSilence)) seconds", status: 70, afterSeconds: 0)
    }

    /// Says why the ranks cannot go on, unless this rank's own work says it first, and ends them all.
    private func fail(_ line: String, status: Int32, afterSeconds seconds: Double) {
        // All ranks meet the same bad file: rank 0 says it for all.
        let deadline = MPIEnsemble.now + seconds
        while MPIEnsemble.now < deadline, !state.withLock({ $0.told }) { usleep(10_000) }
        if !state.withLock({ $0.told }) {
            say(line)
            usleep(100_000)
        } else {
            usleep(500_000)
        }
        abort(status)
    }

    /// Says that this rank's work has failed, and how, so that all end.
    ///
    /// Rank 0 prints the line itself, before it calls this; of another rank rank 0 prints it. Does not return.
    public func end(failing line: String, status: Int32) -> Never {
        state.withLock { $0.told = true }
        if rank != 0 {
            try? tell(.failed, withUnsafeBytes(of: status.littleEndian) { [UInt8]($0) } + Array(line.utf8), to: 0)
            let deadline = MPIEnsemble.now + MPIEnsemble.secondsToBeHeard
            // A launcher that ends the ranks asks them first: rank 0 has been heard.
            while MPIEnsemble.now < deadline, !cancellation.isRequested { usleep(10_000) }
            if cancellation.isRequested { _exit(status) }
            say("rank \(rank): \(line)")
        }
        abort(status)
    }

    /// Notes that this rank is about to say why it fails.
    public func willFail() { state.withLock { $0.told = true } }

    private func abort(_ status: Int32) -> Never {
        turn.withLock { _ in library.abort(status) }
        _exit(status)
    }

    /// Leaves the ensemble, when all ranks have come to the end.
    public func close() throws {
        try meet()
        state.withLock { $0.isClosing = true }
        service?.join()
        service = nil
        // Signs of life that nobody has taken.
        while next() != nil {}
        try meet()
        while next() != nil {}
        try check(turn.withLock { _ in library.close() }, "leave")
    }
}
