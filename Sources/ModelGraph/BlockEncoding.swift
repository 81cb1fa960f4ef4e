import CKernels

/// Floats that are encoded by rows when they are asked for.
struct BlockEncoding {
    let payload: Payload
    /// For errors.
    let name: String

    /// Rows of `bytesPerRow` bytes that `encode` makes of finite floats.
    ///
    /// - Throws, when rows are asked for: `GraphError.notFinite` for NaN and infinities; what `encode` throws.
    func rows(
        bytesPerRow: Int, _ encode: @escaping (UnsafeBufferPointer<Float>, UnsafeMutablePointer<UInt8>) throws -> Void
    ) -> RowSource {
        let (payload, name) = (payload, name)
        let columns = payload.shape.columns
        return RowSource(rowCount: payload.shape.rows, bytesPerRow: bytesPerRow) {
            let read = try payload.floatRows()
            return { rows, out in
                guard let out = out.baseAddress?.assumingMemoryBound(to: UInt8.self), !rows.isEmpty else { return }
                let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows.count * columns)
                defer { values.deallocate() }
                guard let base = values.baseAddress else { return }
                try read(rows, base)
                guard caplet_has_nonfinite(base, values.count) == 0 else { throw GraphError.notFinite("tensor '\(name)'") }
                try encode(UnsafeBufferPointer(values), out)
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
    fileprivate func halvesAreFinite(_ blocks: UnsafePointer<UInt8>, blockCount: Int) -> Bool {
        for block in 0..<blockCount {
            // The high byte of a half has the sign, the exponent's five bits and two of the mantissa's.
            for half in halves where blocks[block * bytesPerBlock + half + 1] & 0x7C == 0x7C { return false }
        }
        return true
    }
}
