import CKernels
import ModelGraph

/// Blocks of 32 elements, an F16 scale and 32 signed bytes each, as codes and scales and back.
enum Q8_0 {
    /// Blocks taken at a time, so that the part that is not asked for needs no room to speak of.
    private static let batch = 512

    static func quantized(_ shape: Shape, blocks: any ByteSource) throws -> QuantizedTensor {
        let count = shape.elementCount / GGUFTensorType.q8_0Elements
        let codes = DeferredBytes(byteCount: shape.elementCount) {
            try OwnedBytes(byteCount: shape.elementCount) { out in try split(blocks, count: count, codes: out, scales: nil) }
        }
        let scales = DeferredBytes(byteCount: count * 2) {
            try OwnedBytes(byteCount: count * 2) { out in try split(blocks, count: count, codes: nil, scales: out) }
        }
        return try QuantizedTensor(
            shape: shape, bits: 8, groupSize: GGUFTensorType.q8_0Elements, codes: codes,
            scales: DenseTensor(dtype: .f16, shape: Shape(count: count), bytes: scales), zeroPoints: nil)
    }

    /// - Precondition: `tensor.isQ8_0`.
    static func blocks(_ tensor: QuantizedTensor) -> any ByteSource {
        if let rows = tensor.encodedRows { return rows }
        let elements = tensor.shape.elementCount
        let byteCount = elements / GGUFTensorType.q8_0Elements * GGUFTensorType.q8_0Bytes
        return DeferredBytes(byteCount: byteCount) {
            try OwnedBytes(byteCount: byteCount) { out in
                try tensor.codes.withUnsafeBytes { codes in
                    try tensor.scales.bytes.withUnsafeBytes { scales in
                        try withAligned(scales) { scales in
                            guard let out = out.baseAddress, let codes = codes.baseAddress, elements > 0 else { return }
                            caplet_q8_0_join(
                                codes.assumingMemoryBound(to: Int8.self), scales, out.assumingMemoryBound(to: UInt8.self), elements)
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
        _ blocks: any ByteSource, count: Int, codes: UnsafeMutableRawBufferPointer?, scales: UnsafeMutableRawBufferPointer?
    ) throws {
        let elements = GGUFTensorType.q8_0Elements
        try blocks.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return }
            withUnsafeTemporaryAllocation(of: Int8.self, capacity: batch * elements) { spareCodes in
                withUnsafeTemporaryAllocation(of: UInt16.self, capacity: batch) { spareScales in
                    guard let spareCodes = spareCodes.baseAddress, let spareScales = spareScales.baseAddress else { return }
                    for first in stride(from: 0, to: count, by: batch) {
                        let number = min(batch, count - first)
                        let codes = codes?.baseAddress?.assumingMemoryBound(to: Int8.self).advanced(by: first * elements)
                        let scales = scales?.baseAddress?.assumingMemoryBound(to: UInt16.self).advanced(by: first)
                        caplet_q8_0_split(
                            base.assumingMemoryBound(to: UInt8.self) + first * GGUFTensorType.q8_0Bytes, codes ?? spareCodes,
                            scales ?? spareScales, number * elements)
                    }
                }
            }
        }
    }
}
