import CKernels

/// Blocks of 32 elements, an F16 scale and 32 signed bytes each, as codes and scales and back.
public enum Q8_0Blocks {
    /// Elements and bytes of a block.
    public static let elements = QuantizedTensor.q8_0GroupSize
    public static let byteCount = 34

    /// Blocks taken at a time, so that the part that is not asked for needs no room to speak of.
    private static let batch = 512

    /// Codes and scales of blocks, taken apart when they are asked for.
    public static func quantized(_ shape: Shape, blocks: any ByteSource) throws -> QuantizedTensor {
        let codes = RowSource(from: blocks, unitBytes: byteCount, madeUnitBytes: elements) { raw, out in
            split(raw, codes: out, scales: nil)
        }
        let scales = RowSource(from: blocks, unitBytes: byteCount, madeUnitBytes: 2) { raw, out in
            split(raw, codes: nil, scales: out)
        }
        return try QuantizedTensor(
            shape: shape, bits: 8, groupSize: elements, codes: codes,
            scales: DenseTensor(dtype: .f16, shape: Shape(count: shape.elementCount / elements), bytes: scales), zeroPoints: nil)
    }

    /// - Precondition: `tensor.isQ8_0`.
    public static func blocks(_ tensor: QuantizedTensor) -> any ByteSource {
        if let rows = tensor.encodedRows { return rows }
        let columns = tensor.shape.columns
        let groups = columns / elements
        return RowSource(rowCount: tensor.shape.rows, bytesPerRow: groups * byteCount) {
            let codes = try tensor.codes.openRows(of: columns)
            let scales = try tensor.scales.bytes.openRows(of: groups * 2)
            return { run, out in
                try codes.withRows(run) { codes in
                    try scales.withRows(run) { scales in
                        try withAligned(scales) { scales in
                            guard let out = out.baseAddress, let base = codes.baseAddress, !codes.isEmpty else { return }
                            caplet_q8_0_join(
                                base.assumingMemoryBound(to: Int8.self), scales, out.assumingMemoryBound(to: UInt8.self), codes.count)
                        }
                    }
                }
            }
        }
    }

    private static func withAligned(_ raw: UnsafeRawBufferPointer, _ body: (UnsafePointer<UInt16>) throws -> Void) throws {
        guard let base = raw.baseAddress else { return }
        if UInt(bitPattern: base) % 2 == 0 { return try body(base.assumingMemoryBound(to: UInt16.self)) }
        let copy = OwnedBytes(copying: raw)
        try copy.withUnsafeBytes { if let base = $0.baseAddress { try body(base.assumingMemoryBound(to: UInt16.self)) } }
    }

    private static func split(
        _ blocks: UnsafeRawBufferPointer, codes: UnsafeMutableRawBufferPointer?, scales: UnsafeMutableRawBufferPointer?
    ) {
        guard let base = blocks.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        let count = blocks.count / byteCount
        withUnsafeTemporaryAllocation(of: Int8.self, capacity: batch * elements) { spareCodes in
            withUnsafeTemporaryAllocation(of: UInt16.self, capacity: batch) { spareScales in
                guard let spareCodes = spareCodes.baseAddress, let spareScales = spareScales.baseAddress else { return }
                for first in stride(from: 0, to: count, by: batch) {
                    let number = min(batch, count - first)
                    let codes = codes?.baseAddress?.assumingMemoryBound(to: Int8.self).advanced(by: first * elements)
                    let scales = scales?.baseAddress?.assumingMemoryBound(to: UInt16.self).advanced(by: first)
                    caplet_q8_0_split(
                        base + first * byteCount, codes ?? spareCodes, scales ?? spareScales, number * elements)
                }
            }
        }
    }
}
