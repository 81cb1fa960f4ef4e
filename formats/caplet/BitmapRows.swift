import ModelGraph

/// Turns a bitmap that comes in pieces into rows of 64-bit words, as `Bitmap.words` does with a whole one.
struct BitmapRows {
    private let columns: Int
    private let wordsPerRow: Int
    /// Words that are yet to be made.
    private var left: Int
    /// The next word's place in its row.
    private var column = 0
    /// Bits that came and have no word yet, at most 64 and those of a byte; the next one is the lowest.
    private var held: UInt64 = 0
    private var heldCount = 0

    private static let roomByteCount = 1 << 18
    /// Memory for turning a piece.
    static let memoryByteCount = roomByteCount

    /// - Precondition: the words' bytes fit in `Int`.
    init(rows: Int, columns: Int) {
        self.columns = columns
        wordsPerRow = SparsePattern.wordsPerRow(columns: columns)
        left = rows * wordsPerRow
    }

    /// Calls `body` with the words that the piece completes.
    mutating func add(_ piece: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        if columns % 64 == 0 {
            if !piece.isEmpty { try body(piece) }
            return
        }
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: BitmapRows.roomByteCount, alignment: 8)
        defer { room.deallocate() }
        var used = 0
        for byte in piece {
            var (bits, count) = (UInt64(byte), 8)
            // A byte may end several words of narrow rows, and begins one more.
            while count > 0, left > 0 {
                let wanted = min(64, columns - column)
                let taken = min(wanted - heldCount, count)
                held |= (bits & (1 << UInt64(taken) - 1)) << UInt64(heldCount)
                (bits, count, heldCount) = (bits >> UInt64(taken), count - taken, heldCount + taken)
                guard heldCount == wanted else { break }
                room.storeBytes(of: held.littleEndian, toByteOffset: used, as: UInt64.self)
                used += 8
                (held, heldCount, left) = (0, 0, left - 1)
                column = column + wanted == columns ? 0 : column + wanted
                guard used == room.count else { continue }
                try body(UnsafeRawBufferPointer(room))
                used = 0
            }
        }
        if used > 0 { try body(UnsafeRawBufferPointer(rebasing: room[..<used])) }
    }
}
