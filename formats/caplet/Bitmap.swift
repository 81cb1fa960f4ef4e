import FormatKit
import ModelGraph

/// Positions of a sparse matrix as the container has them, one bit an element without padding between rows, and as the graph
/// has them, rows padded to 64-bit words.
enum Bitmap {
    static func byteCount(rows: Int, columns: Int) -> Int? {
        let (bits, overflow) = rows.multipliedReportingOverflow(by: columns)
        return overflow || bits > Int.max - 7 ? nil : (bits + 7) / 8
    }

    /// The pattern's bits without padding.
    ///
    /// - Throws: `GraphError.inconsistent` for bits in the padding or a number of bits that is not the declared one.
    static func packed(_ pattern: SparsePattern) throws -> OwnedBytes {
        try pattern.checkBits()
        return try pattern.words.withUnsafeBytes { words in
            let needed = (pattern.rows * pattern.columns + 7) / 8
            if pattern.columns % 64 == 0 { return OwnedBytes(copying: UnsafeRawBufferPointer(rebasing: words[..<needed])) }
            return OwnedBytes(byteCount: needed) { out in
                if needed == 0 { return }
                out.initializeMemory(as: UInt8.self, repeating: 0)
                var target = 0
                for row in 0..<pattern.rows {
                    for index in 0..<pattern.wordsPerRow {
                        let word = load(words, byte: (row * pattern.wordsPerRow + index) * 8)
                        let count = min(64, pattern.columns - index * 64)
                        merge(word, at: target, into: out)
                        target += count
                    }
                }
            }
        }
    }

    /// The bits of a checked bitmap as rows of words.
    static func words(_ bitmap: UnsafeRawBufferPointer, rows: Int, columns: Int) -> OwnedBytes {
        let wordsPerRow = SparsePattern.wordsPerRow(columns: columns)
        return OwnedBytes(byteCount: rows * wordsPerRow * 8) { out in
            if columns % 64 == 0 { return out.copyMemory(from: bitmap) }
            for row in 0..<rows {
                for index in 0..<wordsPerRow {
                    let bit = row * columns + index * 64
                    let count = min(64, columns - index * 64)
                    var word = load(bitmap, byte: bit / 8) >> UInt64(bit % 8)
                    if bit % 8 != 0, bit / 8 + 8 < bitmap.count {
                        word |= UInt64(bitmap[bit / 8 + 8]) << UInt64(64 - bit % 8)
                    }
                    if count < 64 { word &= 1 << UInt64(count) - 1 }
                    out.storeBytes(of: word.littleEndian, toByteOffset: (row * wordsPerRow + index) * 8, as: UInt64.self)
                }
            }
        }
    }

    /// What is wrong with a bitmap: bits after the last element, or another number of bits; nil when nothing is.
    static func defect(_ bitmap: UnsafeRawBufferPointer, bits: Int, nonZeroCount: Int) -> String? {
        var check = BitmapCheck(bits: bits, nonZeroCount: nonZeroCount)
        check.add(bitmap)
        return check.defect
    }

    /// Eight bytes, or as many as there are, the lowest first.
    fileprivate static func load(_ bytes: UnsafeRawBufferPointer, byte: Int) -> UInt64 {
        if byte + 8 <= bytes.count { return UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: byte, as: UInt64.self)) }
        var word: UInt64 = 0
        for index in stride(from: bytes.count - 1, through: byte, by: -1) { word = word << 8 | UInt64(bytes[index]) }
        return word
    }

    /// Sets the bits of `word` from bit `position` on.
    private static func merge(_ word: UInt64, at position: Int, into out: UnsafeMutableRawBufferPointer) {
        var byte = position / 8
        let shift = UInt64(position % 8)
        var low = word << shift
        let high = shift == 0 ? 0 : word >> (64 - shift)
        while low != 0, byte < out.count {
            out[byte] |= UInt8(truncatingIfNeeded: low)
            low >>= 8
            byte += 1
        }
        if high != 0, position / 8 + 8 < out.count { out[position / 8 + 8] |= UInt8(truncatingIfNeeded: high) }
    }
}

/// A bitmap that comes in pieces, held against its number of bits and of those that are set.
struct BitmapCheck {
    private let bits: Int
    private let nonZeroCount: Int
    private var count = 0
    private var last: UInt8 = 0

    init(bits: Int, nonZeroCount: Int) {
        self.bits = bits
        self.nonZeroCount = nonZeroCount
    }

    mutating func add(_ piece: UnsafeRawBufferPointer) {
        for offset in stride(from: 0, to: piece.count, by: 8) { count += Bitmap.load(piece, byte: offset).nonzeroBitCount }
        last = piece.last ?? last
    }

    /// What is wrong with all that was added: bits after the last element, or another number of bits; nil when nothing is.
    var defect: String? {
        if bits % 8 != 0, last >> UInt8(bits % 8) != 0 { return "has bits after its last element" }
        return count == nonZeroCount ? nil : "has \(count) bits set, \(nonZeroCount) are declared"
    }
}
