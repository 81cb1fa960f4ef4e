import Synchronization

/// Pieces of a source that can be made apart from each other.
public struct SeparatePieces: Sendable {
    /// Bytes of each, the last one excepted.
    public let byteCount: Int
    /// Pieces that are made at once, on as many threads.
    public let atOnce: Int
    /// Makes a run of pieces. What is wrong with the whole is found when the runs come in order, with the last one.
    public typealias Maker = @Sendable (_ pieces: Range<Int>) throws -> [OwnedBytes]
    public let open: @Sendable () -> Maker

    public init(byteCount: Int, atOnce: Int, open: @escaping @Sendable () -> Maker) {
        self.byteCount = byteCount
        self.atOnce = atOnce
        self.open = open
    }
}

/// Some pieces of a large source, for readers that go through it about in order; several threads may read at once.
final class PieceWindow: Sendable {
    private struct State {
        let make: SeparatePieces.Maker
        /// Pieces before this one were made once.
        var next = 0
        var made: [Int: OwnedBytes] = [:]
        /// Of those that are kept, the oldest first.
        var order: [Int] = []
    }

    private let state: Mutex<State>
    private let byteCount: Int
    private let pieceByteCount: Int
    private let pieceCount: Int
    private let capacity: Int
    private let atOnce: Int

    /// Bytes of pieces that are kept; two pieces may be more.
    static let memoryByteCount = 48 << 20
    /// Sources of fewer bytes are made as a whole.
    static let leastByteCount = 64 << 20

    init(_ pieces: SeparatePieces, byteCount: Int) {
        state = Mutex(State(make: pieces.open()))
        self.byteCount = byteCount
        pieceByteCount = pieces.byteCount
        pieceCount = byteCount / pieceByteCount + (byteCount % pieceByteCount == 0 ? 0 : 1)
        capacity = max(2, PieceWindow.memoryByteCount / pieceByteCount)
        atOnce = max(1, min(pieces.atOnce, capacity / 2))
    }

    /// Calls `body` with the bytes of a range: those of a piece where they lie, those of several copied.
    func withBytes<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let piece = range.lowerBound / pieceByteCount
        guard !range.isEmpty, range.upperBound <= (piece + 1) * pieceByteCount else {
            return try OwnedBytes(byteCount: range.count) { try copy(range, into: $0) }.withUnsafeBytes(body)
        }
        let start = range.lowerBound - piece * pieceByteCount
        return try self.piece(piece).withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<start + range.count])) }
    }

    func copy(_ range: Range<Int>, into out: UnsafeMutableRawBufferPointer) throws {
        var place = range.lowerBound
        while place < range.upperBound {
            let piece = place / pieceByteCount
            let end = min(range.upperBound, (piece + 1) * pieceByteCount)
            let start = place - piece * pieceByteCount
            let target = UnsafeMutableRawBufferPointer(rebasing: out[place - range.lowerBound..<end - range.lowerBound])
            try self.piece(piece).withUnsafeBytes {
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + target.count]))
            }
            place = end
        }
    }

    private func piece(_ index: Int) throws -> OwnedBytes {
        try state.withLock { state in
            if let made = state.made[index] { return made }
            // The pieces that come next are made together, so that threads that read ahead of others find theirs, and all come in order.
            let isNext = index >= state.next && index < state.next + atOnce
            let run = isNext ? state.next..<min(state.next + atOnce, pieceCount) : index..<index + 1
            let made = try state.make(run)
            if isNext { state.next = run.upperBound }
            for (index, bytes) in zip(run, made) where state.made.updateValue(bytes, forKey: index) == nil { state.order.append(index) }
            while state.order.count > capacity { state.made[state.order.removeFirst()] = nil }
            return made[index - run.lowerBound]
        }
    }
}
