/// Reads a run of rows as floats into a place for all of them. Several threads may call it at once.
typealias FloatRowReader = (_ rows: Range<Int>, _ out: UnsafeMutablePointer<Float>) throws -> Void

extension Payload {
    /// Opens the elements for reading by rows. Dense tensors that lie in a file or in memory are converted row by row; what has to be
    /// made as a whole is made here, and kept by the reader.
    func floatRows() throws -> FloatRowReader {
        if case .dense(let dense) = self, let reader = try dense.floatRows() { return reader }
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
        if let encoded = bytes as? EncodedBytes { return encoded.floatRows(columns: columns) }
        let width = columns * dtype.byteWidth
        if bytes.isResident {
            return { rows, out in
                try bytes.withUnsafeBytes { raw in
                    let part = UnsafeRawBufferPointer(rebasing: raw[rows.lowerBound * width..<rows.upperBound * width])
                    FloatCast.widen(part, dtype, into: out, count: rows.count * columns)
                }
            }
        }
        guard let source = bytes as? RowSource, source.bytesPerRow == width else { return nil }
        let make = try source.open()
        return { rows, out in
            try OwnedBytes(byteCount: rows.count * width) { try make(rows, $0) }.withUnsafeBytes { raw in
                FloatCast.widen(raw, dtype, into: out, count: rows.count * columns)
            }
        }
    }
}

extension EncodedBytes {
    fileprivate func floatRows(columns: Int) -> FloatRowReader? {
        guard blocks.isResident else { return nil }
        let (blocks, codec) = (blocks, codec)
        let width = columns / codec.elementsPerBlock * codec.bytesPerBlock
        return { rows, out in
            try blocks.withUnsafeBytes { raw in
                guard let base = raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
                codec.decode(base + rows.lowerBound * width, out, rows.count * columns)
            }
        }
    }
}
