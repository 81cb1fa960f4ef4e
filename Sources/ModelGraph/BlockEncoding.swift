import CKernels

/// Floats that are encoded by rows when they are asked for.
struct BlockEncoding: Sendable {
    let payload: Payload
    /// For errors.
    let name: String

    /// Floats that are encoded at a time, a whole number of rows: they stay in the processor's second cache.
    private static let partElements = 1 << 16

    /// Rows of `bytesPerRow` bytes that `encode` makes of finite floats.
    ///
    /// - Throws, when rows are asked for: `GraphError.notFinite` for NaN and infinities; what `encode` throws.
    func rows(
        bytesPerRow: Int, _ encode: @escaping @Sendable (UnsafeBufferPointer<Float>, UnsafeMutablePointer<UInt8>) throws -> Void
    ) -> RowSource {
        let (payload, name) = (payload, name)
        let columns = payload.shape.columns
        return RowSource(
            rowCount: payload.shape.rows, bytesPerRow: bytesPerRow, isEncoder: true, makerByteCount: payload.openByteCount
        ) {
            let read = try payload.floatRows()
            let length = max(1, BlockEncoding.partElements / max(columns, 1))
            return { run, out in
                guard let out = out.baseAddress?.assumingMemoryBound(to: UInt8.self), !run.isEmpty else { return }
                let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(length, run.count) * columns)
                defer { values.deallocate() }
                guard let base = values.baseAddress else { return }
                for first in stride(from: run.lowerBound, to: run.upperBound, by: length) {
                    let part = first..<min(first + length, run.upperBound)
                    let count = part.count * columns
                    try read(part, base)
                    guard caplet_has_nonfinite(base, count) == 0 else { throw GraphError.notFinite("tensor '\(name)'") }
                    try encode(UnsafeBufferPointer(start: base, count: count), out + (first - run.lowerBound) * bytesPerRow)
                }
            }
        }
    }

    /// The rows as blocks of a codec.
    ///
    /// - Precondition: the codec encodes, and rows are whole blocks.
    /// - Throws, when rows are asked for, also `GraphError.notComputable` for values that overflow F16 scales.
    func rows(of codec: BlockCodec) -> RowSource {
        guard let encode = codec.encode, payload.shape.columns % codec.elementsPerBlock == 0 else {
            preconditionFailure("\(payload.shape) cannot be encoded as \(codec.name)")
        }
        let name = name
        return rows(bytesPerRow: payload.shape.columns / codec.elementsPerBlock * codec.bytesPerBlock) { values, out in
            guard let base = values.baseAddress else { return }
            encode(base, out, values.count)
            guard codec.halvesAreFinite(out, blockCount: values.count / codec.elementsPerBlock) else {
                throw GraphError.notComputable("tensor '\(name)'", "values are too large for \(codec.name), whose scales are F16")
            }
        }
    }
}

extension BlockCodec {
    /// Whether the scales and minima of blocks are finite.
    func halvesAreFinite(_ blocks: UnsafePointer<UInt8>, blockCount: Int) -> Bool {
        for block in 0..<blockCount {
            // The high byte of a half has the sign, the exponent's five bits and two of the mantissa's.
            for half in halves where blocks[block * bytesPerBlock + half + 1] & 0x7C == 0x7C { return false }
        }
        return true
    }
}
