import Execution
import Synchronization

/// What reading something piece by piece takes.
public struct PieceReading: Sendable {
    /// Bytes of all that is read.
    public private(set) var byteCount: Int
    /// Memory for one piece, of the source that takes most.
    public private(set) var pieceByteCount: Int
    /// Whether several threads can make pieces of the largest source.
    public private(set) var isParallel: Bool

    /// Memory for all pieces that are there at once, however many threads read.
    public static let memoryLimit = 96 << 20
    /// Tensors of more bytes are read by several threads each where they can be, one tensor after the other.
    static let largeByteCount = 64 << 20

    public init(byteCount: Int, pieceByteCount: Int, isParallel: Bool) {
        self.byteCount = byteCount
        self.pieceByteCount = pieceByteCount
        self.isParallel = isParallel
    }

    public init(_ sources: [any ByteSource]) {
        self.init(
            byteCount: sources.reduce(0) { PieceReading.sum($0, $1.byteCount) }, pieceByteCount: sources.map(\.pieceByteCount).max() ?? 0,
            isParallel: sources.max { $0.byteCount < $1.byteCount }?.makesPiecesAtOnce ?? false)
    }

    /// That of both, one after the other.
    func or(_ other: PieceReading) -> PieceReading {
        var both = byteCount < other.byteCount ? other : self
        both.byteCount = PieceReading.sum(byteCount, other.byteCount)
        both.pieceByteCount = max(pieceByteCount, other.pieceByteCount)
        return both
    }

    /// That of both at the same time.
    public func and(_ other: PieceReading) -> PieceReading {
        var both = or(other)
        both.pieceByteCount = PieceReading.sum(pieceByteCount, other.pieceByteCount)
        return both
    }

    /// How many pieces may be there at once for `threads` threads, at least 1.
    public func atOnce(_ threads: Int) -> Int { max(1, min(threads, PieceReading.memoryLimit / max(pieceByteCount, 1))) }

    var isLarge: Bool { isParallel && byteCount >= PieceReading.largeByteCount }

    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}

extension ExecutionContext {
    /// The results of `body` for all of `readings`, in order: side by side, as long as the pieces of those that are being read have room
    /// in `PieceReading.memoryLimit`; the large ones by themselves, each on all threads.
    ///
    /// - Parameter body: is given an index, and how many pieces it may have in memory at once.
    public func mapReading<Result: Sendable>(
        _ readings: [PieceReading], _ body: @Sendable (_ index: Int, _ atOnce: Int) throws -> Result
    ) throws -> [Result] {
        let room = ByteRoom(PieceReading.memoryLimit)
        var results = [Result?](repeating: nil, count: readings.count)
        try results.withUnsafeMutableBufferPointer { buffer in
            // Each index writes to a place of its own.
            nonisolated(unsafe) let slots = buffer
            let small = readings.indices.filter { !readings[$0].isLarge }
            try parallelFor(small.count) { place in
                let index = small[place]
                try room.with(readings[index].pieceByteCount) { slots[index] = try body(index, 1) }
            }
            for index in readings.indices where readings[index].isLarge {
                try cancellation.check()
                slots[index] = try body(index, readings[index].atOnce(threads))
            }
        }
        return results.compactMap { $0 }
    }
}
