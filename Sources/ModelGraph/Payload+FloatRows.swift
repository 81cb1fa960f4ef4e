import CKernels
import Execution
import Matrices

/// Reads a run of rows as floats into a place for all of them. Several threads may call it at once.
public typealias FloatRowReader = @Sendable (_ rows: Range<Int>, _ out: UnsafeMutablePointer<Float>) throws -> Void

extension Payload {
    /// Opens the elements for reading by rows. Dense, sparse and quantized tensors and blocks are converted row by row; what has to be made as a
    /// whole is made here, and kept by the reader.
    public func floatRows() throws -> FloatRowReader {
        if let reader = try ownFloatRows() { return reader }
        let values = try densifiedFloats()
        let columns = shape.columns
        return { rows, out in
            values.withUnsafeBufferPointer { values in
                guard let base = values.baseAddress else { return }
                out.update(from: base + rows.lowerBound * columns, count: rows.count * columns)
            }
        }
    }

    /// Bytes that the reader which `floatRows` opens keeps in memory.
    var openByteCount: Int {
        func sum(_ counts: [Int]) -> Int { counts.reduce(0) { $0.addingReportingOverflow($1).overflow ? .max : $0 + $1 } }
        func floats(_ shape: Shape) -> Int { DType.f32.byteCount(of: shape.elementCount) ?? .max }
        switch self {
        case .dense(let tensor): return tensor.bytes.openByteCount
        case .blocks(let tensor): return tensor.decodedRows.openByteCount
        case .lowRank(let tensor): return sum([floats(shape), floats(tensor.u.shape), floats(tensor.v.shape)])
        case .sparse(let tensor): return sum([tensor.pattern.words.byteCount, floats(tensor.values.shape)])
        case .quantized(let tensor): return sum([tensor.codes, tensor.scales.bytes].map(\.openByteCount))
        case .composite(let terms): return sum([floats(shape), floats(shape)] + terms.map(\.openByteCount))
        }
    }

    /// Nil when the elements have to be made as a whole.
    private func ownFloatRows() throws -> FloatRowReader? {
        switch self {
        case .dense(let dense): return try dense.floatRows()
        case .blocks(let blocks): return try blocks.elements.floatRows()
        case .sparse(let sparse): return try sparse.floatRows()
        case .quantized(let quantized): return quantized.shape.elementCount > 0 ? try quantized.floatRows() : nil
        case .lowRank, .composite: return nil
        }
    }

    /// Rows in runs that are good to work on at a time: of a fixed size, so that sums over them do not depend on the number of threads.
    public static func rowRuns(rows: Int, columns: Int) -> [Range<Int>] {
        // However many rows there are of no elements.
        if columns == 0 { return [] }
        let length = max(1, (1 << 16) / columns)
        return stride(from: 0, to: rows, by: length).map { $0..<min($0 + length, rows) }
    }

    /// The elements as `densifiedMatrix()` has them, runs of rows side by side where rows can be had apart.
    public func densifiedMatrix(_ execution: ExecutionContext) throws -> Matrix {
        guard let read = try ownFloatRows() else { return try densifiedMatrix() }
        let (rows, columns) = (shape.rows, shape.columns)
        let runs = Payload.rowRuns(rows: rows, columns: columns)
        return try Matrix(rows: rows, columns: columns) { out in
            // Each run of rows has a place of its own.
            guard let place = out.baseAddress else { return }
            nonisolated(unsafe) let base = place
            try execution.parallelFor(runs.count) { try read(runs[$0], base + runs[$0].lowerBound * columns) }
        }
    }
}

extension Matrix {
    /// A run of rows of `columns` elements.
    public init(_ rows: Range<Int>, columns: Int, of read: FloatRowReader) throws {
        try self.init(rows: rows.count, columns: columns) { out in
            if let base = out.baseAddress { try read(rows, base) }
        }
    }
}

extension DenseTensor {
    /// Nil when rows cannot be had apart from each other.
    fileprivate func floatRows() throws -> FloatRowReader? {
        let (dtype, columns, bytes) = (dtype, shape.columns, bytes)
        guard dtype.isComputable, columns > 0 else { return nil }
        guard bytes.isResident || bytes.rows != nil || bytes.hasWindow else { return nil }
        let reader = try bytes.openRows(of: columns * dtype.byteWidth)
        return { rows, out in
            if dtype == .f32, bytes.rows != nil {
                return try reader.read(rows, into: UnsafeMutableRawBufferPointer(start: out, count: rows.count * columns * 4))
            }
            try reader.withRows(rows) { FloatCast.widen($0, dtype, into: out, count: rows.count * columns) }
        }
    }
}

extension SparseTensor {
    /// Nil when values cannot be had apart from each other.
    fileprivate func floatRows() throws -> FloatRowReader? {
        guard case .dense(let kept) = values, kept.dtype.isComputable, kept.bytes.isResident, shape.columns > 0 else { return nil }
        try pattern.checkBits()
        let (words, wordsPerRow, columns) = (try pattern.readWords(), pattern.wordsPerRow, shape.columns)
        let starts = (0..<pattern.rows).reduce(into: [0]) { starts, row in
            let bits = words[row * wordsPerRow..<(row + 1) * wordsPerRow].reduce(0) { $0 + $1.nonzeroBitCount }
            starts.append(starts[row] + bits)
        }
        let width = kept.dtype.byteWidth
        return { rows, out in
            let range = starts[rows.lowerBound]..<starts[rows.upperBound]
            try withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count + 1) { values in
                guard var next = UnsafePointer(values.baseAddress) else { return }
                try kept.bytes.withUnsafeBytes { raw in
                    let part = UnsafeRawBufferPointer(rebasing: raw[range.lowerBound * width..<range.upperBound * width])
                    FloatCast.widen(part, kept.dtype, into: values.baseAddress!, count: range.count)
                }
                for row in rows {
                    next += words.withUnsafeBufferPointer { words in
                        caplet_sparse_expand_row(
                            words.baseAddress! + row * wordsPerRow, next, out + (row - rows.lowerBound) * columns, columns)
                    }
                }
            }
        }
    }
}

extension QuantizedTensor {
    /// Rows of codes and of scales are had apart from others where the storage can.
    fileprivate func floatRows() throws -> FloatRowReader {
        let (columns, groups, groupSize, scaleType) = (shape.columns, groupsPerRow, groupSize, scales.dtype)
        let codes = try codes.openRows(of: columns)
        let scales = try scales.bytes.openRows(of: groups * scaleType.byteWidth)
        let zeros = try zeroPoints?.openRows(of: groups)
        let columnScales = try self.columnScales?.floats()
        return { rows, out in
            let count = rows.count * groups
            try withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { scale in
                guard let first = scale.baseAddress else { return }
                try scales.withRows(rows) { FloatCast.widen($0, scaleType, into: first, count: count) }
                try codes.withRows(rows) { codes in
                    let kept = QuantizedRows(
                        columns: columns, groupSize: groupSize, groups: groups, scales: first, codes: codes, columnScales: columnScales)
                    guard let zeros else { return kept.dequantize(rows.count, zeros: nil, into: out) }
                    try zeros.withRows(rows) { kept.dequantize(rows.count, zeros: $0, into: out) }
                }
            }
        }
    }
}
