/// Reads a run of rows as floats into a place for all of them. Several threads may call it at once.
public typealias FloatRowReader = (_ rows: Range<Int>, _ out: UnsafeMutablePointer<Float>) throws -> Void

extension Payload {
    /// Opens the elements for reading by rows. Dense and quantized tensors are converted row by row; what has to be made as a whole is
    /// made here, and kept by the reader.
    public func floatRows() throws -> FloatRowReader {
        if case .dense(let dense) = self, let reader = try dense.floatRows() { return reader }
        if case .quantized(let quantized) = self, quantized.shape.elementCount > 0 { return try quantized.floatRows() }
        let values = try densifiedFloats()
        let columns = shape.columns
        return { rows, out in
            values.withUnsafeBufferPointer { values in
                guard let base = values.baseAddress else { return }
                out.update(from: base + rows.lowerBound * columns, count: rows.count * columns)
            }
        }
    }
}

extension DenseTensor {
    /// Nil when rows cannot be had apart from each other.
    fileprivate func floatRows() throws -> FloatRowReader? {
        let (dtype, columns, bytes) = (dtype, shape.columns, bytes)
        guard dtype.isComputable, columns > 0 else { return nil }
        guard bytes.isResident || bytes.rows != nil else { return nil }
        let reader = try bytes.openRows(of: columns * dtype.byteWidth)
        return { rows, out in
            if dtype == .f32, bytes.rows != nil {
                return try reader.read(rows, into: UnsafeMutableRawBufferPointer(start: out, count: rows.count * columns * 4))
            }
            try reader.withRows(rows) { FloatCast.widen($0, dtype, into: out, count: rows.count * columns) }
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
