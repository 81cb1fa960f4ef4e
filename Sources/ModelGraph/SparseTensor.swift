import CKernels
import LinearAlgebra

/// Which elements of a matrix [rows, columns] are kept: one bit an element, least significant bit first, each row padded with
/// zero bits to whole 64-bit words.
public struct SparsePattern {
    public let rows: Int
    public let columns: Int
    public let nonZeroCount: Int
    /// rows × `wordsPerRow` little-endian 64-bit words.
    public let words: any ByteSource

    /// - Throws: `GraphError.inconsistent` when the words are not of the right number.
    public init(rows: Int, columns: Int, nonZeroCount: Int, words: any ByteSource) throws {
        self.rows = rows
        self.columns = columns
        self.nonZeroCount = nonZeroCount
        self.words = words
        let needed = rows.multipliedReportingOverflow(by: SparsePattern.wordsPerRow(columns: columns) * 8)
        guard !needed.overflow, words.byteCount == needed.partialValue else {
            throw GraphError.inconsistent("sparse pattern", "[\(rows), \(columns)] does not need \(words.byteCount) bytes")
        }
        guard nonZeroCount >= 0, nonZeroCount <= rows * columns else {
            throw GraphError.inconsistent("sparse pattern", "\(nonZeroCount) non-zeros in [\(rows), \(columns)]")
        }
    }

    public static func wordsPerRow(columns: Int) -> Int { columns / 64 + (columns % 64 == 0 ? 0 : 1) }
    public var wordsPerRow: Int { SparsePattern.wordsPerRow(columns: columns) }

    /// One bit an element, whatever the padding in memory.
    public var byteCount: Int { (rows * columns + 7) / 8 }

    /// The 64-bit words, row by row.
    public func readWords() throws -> [UInt64] {
        try words.withUnsafeBytes { raw in
            (0..<raw.count / 8).map { UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self)) }
        }
    }

    /// - Throws: `GraphError.inconsistent` when padding bits are set or the set bits are not `nonZeroCount`.
    public func checkBits() throws {
        let all = try readWords()
        var count = 0
        let tail = columns % 64 == 0 ? ~UInt64(0) : (UInt64(1) << UInt64(columns % 64)) - 1
        for (index, word) in all.enumerated() {
            count += word.nonzeroBitCount
            if wordsPerRow > 0, index % wordsPerRow == wordsPerRow - 1, word & ~tail != 0 {
                throw GraphError.inconsistent("sparse pattern", "row \(index / wordsPerRow) has bits beyond column \(columns)")
            }
        }
        guard count == nonZeroCount else {
            throw GraphError.inconsistent("sparse pattern", "\(count) bits are set, \(nonZeroCount) were declared")
        }
    }
}

/// A matrix that is zero outside its pattern.
public struct SparseTensor {
    public let pattern: SparsePattern
    /// The kept values in row-major order, [nonZeroCount].
    public let values: Payload

    public init(pattern: SparsePattern, values: Payload) throws {
        self.pattern = pattern
        self.values = values
        try checkInvariants()
    }

    public var shape: Shape { Shape(rows: pattern.rows, columns: pattern.columns) }

    public func checkInvariants() throws {
        guard values.shape == Shape(count: pattern.nonZeroCount) else {
            throw GraphError.inconsistent("sparse", "\(pattern.nonZeroCount) positions and values of shape \(values.shape)")
        }
        try values.checkInvariants()
    }

    /// The non-zeros of `matrix`, values stored as `dtype`. A value that rounds to zero in `dtype` keeps its position.
    public init(nonZerosOf matrix: Matrix, dtype: DType) throws {
        let wordsPerRow = SparsePattern.wordsPerRow(columns: matrix.columns)
        var values = [Float](repeating: 0, count: matrix.elements.count)
        var count = 0
        let words = OwnedBytes(byteCount: matrix.rows * wordsPerRow * 8) { out in
            let target = out.bindMemory(to: UInt64.self)
            matrix.elements.withUnsafeBufferPointer { source in
                values.withUnsafeMutableBufferPointer { kept in
                    guard let source = source.baseAddress, let kept = kept.baseAddress, let target = target.baseAddress else { return }
                    for row in 0..<matrix.rows {
                        count += caplet_sparse_compact_row(
                            source + row * matrix.columns, target + row * wordsPerRow, kept + count, matrix.columns)
                    }
                }
            }
        }
        values.removeLast(values.count - count)
        let pattern = try SparsePattern(rows: matrix.rows, columns: matrix.columns, nonZeroCount: count, words: words)
        try self.init(pattern: pattern, values: .dense(DenseTensor(floats: values, shape: Shape(count: count), dtype: dtype)))
    }
}
