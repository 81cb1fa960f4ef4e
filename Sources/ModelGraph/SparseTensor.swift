import CKernels
import Execution
import Matrices

/// Which elements of a matrix [rows, columns] are kept: one bit an element, least significant bit first, each row padded with
/// zero bits to whole 64-bit words.
public struct SparsePattern: Sendable {
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

    /// Reads the words piece by piece.
    ///
    /// - Parameter pieces: how many may be in memory at once.
    /// - Throws: `GraphError.inconsistent` when padding bits are set or the set bits are not `nonZeroCount`.
    public func checkBits(atOnce pieces: Int = 1) throws {
        let padding = columns % 64 == 0 ? 0 : ~UInt64(0) << UInt64(columns % 64)
        let wordsPerRow = wordsPerRow
        var (count, row, left) = (0, 0, wordsPerRow)
        var broken: Int?
        try words.forEachPiece(ofElements: 8, atOnce: pieces) { raw in
            for place in stride(from: 0, to: raw.count, by: 8) {
                let word = UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                count += word.nonzeroBitCount
                left -= 1
                guard left == 0 else { continue }
                if word & padding != 0, broken == nil { broken = row }
                (row, left) = (row + 1, wordsPerRow)
            }
        }
        if let broken { throw GraphError.inconsistent("sparse pattern", "row \(broken) has bits beyond column \(columns)") }
        guard count == nonZeroCount else {
            throw GraphError.inconsistent("sparse pattern", "\(count) bits are set, \(nonZeroCount) were declared")
        }
    }
}

/// A matrix that is zero outside its pattern.
public struct SparseTensor: Sendable {
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
    ///
    /// - Throws: `GraphError.notComputable` for a dtype that floats cannot be stored as, `Cancelled`.
    public init(nonZerosOf matrix: Matrix, dtype: DType, _ execution: ExecutionContext = ExecutionContext(threads: 1)) throws {
        guard dtype.isComputable else {
            throw GraphError.notComputable("sparse values", "floats cannot be stored as \(dtype.rawValue)")
        }
        let (columns, wordsPerRow) = (matrix.columns, SparsePattern.wordsPerRow(columns: matrix.columns))
        let (runs, elements) = (Payload.rowRuns(rows: matrix.rows, columns: columns), matrix.elements)
        var bitCounts: [Int] = []
        let words = try OwnedBytes(byteCount: matrix.rows * wordsPerRow * 8) { out in
            // Each run of rows writes to a place of its own, here and below.
            nonisolated(unsafe) let target = out.bindMemory(to: UInt64.self)
            bitCounts = try execution.parallelMap(runs.count) { index in
                elements.withUnsafeBufferPointer { source in
                    guard let source = source.baseAddress, let target = target.baseAddress else { return 0 }
                    return runs[index].reduce(0) {
                        $0 + caplet_sparse_pattern_row(source + $1 * columns, target + $1 * wordsPerRow, columns)
                    }
                }
            }
        }
        let counts = bitCounts
        let count = counts.reduce(0, +)
        let starts = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
        let values = try OwnedBytes(byteCount: count * dtype.byteWidth) { out in
            nonisolated(unsafe) let out = out
            try execution.parallelFor(runs.count) { index in
                try withUnsafeTemporaryAllocation(of: Float.self, capacity: counts[index]) { kept in
                    try words.withUnsafeBytes { words in
                        elements.withUnsafeBufferPointer { source in
                            guard let source = source.baseAddress, var next = kept.baseAddress else { return }
                            let words = words.bindMemory(to: UInt64.self)
                            for row in runs[index] {
                                next += caplet_sparse_gather_row(
                                    words.baseAddress! + row * wordsPerRow, source + row * columns, next, columns)
                            }
                        }
                    }
                    let range = starts[index] * dtype.byteWidth..<starts[index + 1] * dtype.byteWidth
                    FloatCast.narrow(UnsafeBufferPointer(kept), to: dtype, into: UnsafeMutableRawBufferPointer(rebasing: out[range]))
                }
            }
        }
        let pattern = try SparsePattern(rows: matrix.rows, columns: columns, nonZeroCount: count, words: words)
        try self.init(pattern: pattern, values: .dense(DenseTensor(dtype: dtype, shape: Shape(count: count), bytes: values)))
    }
}
