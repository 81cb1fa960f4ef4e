import CKernels

/// F32 elements that are kept as blocks of a codec and decoded when they are asked for.
///
/// A writer that has the codec takes `blocks` as they are; all others see nothing but floats.
public final class EncodedBytes: ByteSource {
    public let codec: BlockCodec
    public let blocks: any ByteSource
    /// Bytes of the decoded elements.
    public let byteCount: Int

    fileprivate init(_ codec: BlockCodec, _ blocks: any ByteSource, elementCount: Int) {
        self.codec = codec
        self.blocks = blocks
        byteCount = elementCount * MemoryLayout<Float>.size
    }

    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
        let decoded = try OwnedBytes(byteCount: byteCount) { out in
            guard let out = out.baseAddress, byteCount > 0 else { return }
            try decode(into: out.assumingMemoryBound(to: Float.self))
        }
        return try decoded.withUnsafeBytes(body)
    }

    /// - Parameter out: room for all elements.
    func decode(into out: UnsafeMutablePointer<Float>) throws {
        try blocks.withUnsafeBytes { raw in
            guard let base = raw.baseAddress, raw.count > 0 else { return }
            codec.decode(base.assumingMemoryBound(to: UInt8.self), out, byteCount / MemoryLayout<Float>.size)
        }
    }
}

extension DenseTensor {
    /// An F32 tensor whose elements are kept as blocks.
    ///
    /// - Throws: `GraphError.inconsistent` unless rows are whole blocks and `blocks` holds exactly those of the shape.
    public init(_ codec: BlockCodec, shape: Shape, blocks: any ByteSource) throws {
        let (_, overflow) = shape.elementCount.multipliedReportingOverflow(by: DType.f32.byteWidth)
        guard let needed = codec.byteCount(shape), needed == blocks.byteCount, !overflow else {
            throw GraphError.inconsistent("\(codec.name) \(shape)", "has rows that are no whole blocks, or not \(blocks.byteCount) bytes")
        }
        try self.init(dtype: .f32, shape: shape, bytes: EncodedBytes(codec, blocks, elementCount: shape.elementCount))
    }

    /// The values of `payload` in a codec's blocks, made when they are asked for.
    ///
    /// - Precondition: the codec encodes, and rows are whole blocks.
    /// - Throws, when asked: `GraphError.notFinite` for NaN and infinities, `.notComputable` for values that overflow F16 scales.
    public init(_ codec: BlockCodec, encoding payload: Payload, name: String) throws {
        let shape = payload.shape
        guard let encode = codec.encode, let byteCount = codec.byteCount(shape) else {
            preconditionFailure("\(shape) cannot be encoded as \(codec.name)")
        }
        let blocks = DeferredBytes(byteCount: byteCount) {
            let values = try payload.densifiedFloats()
            guard caplet_has_nonfinite(values, values.count) == 0 else { throw GraphError.notFinite("tensor '\(name)'") }
            return try OwnedBytes(byteCount: byteCount) { out in
                guard let out = out.baseAddress?.assumingMemoryBound(to: UInt8.self), byteCount > 0 else { return }
                encode(values, out, values.count)
                guard codec.halvesAreFinite(out, byteCount: byteCount) else {
                    throw GraphError.notComputable("tensor '\(name)'", "values are too large for \(codec.name), whose scales are F16")
                }
            }
        }
        try self.init(codec, shape: shape, blocks: blocks)
    }

    /// How the elements are kept when not as themselves.
    public var codec: BlockCodec? { (bytes as? EncodedBytes)?.codec }

    /// Bytes that are kept: of blocks where there are blocks.
    public var storedByteCount: Int { (bytes as? EncodedBytes)?.blocks.byteCount ?? byteCount }
}

extension BlockCodec {
    /// Whether the halves that blocks begin with are finite: a scale, and a minimum where there is one.
    fileprivate func halvesAreFinite(_ blocks: UnsafePointer<UInt8>, byteCount: Int) -> Bool {
        let halves = self == .q4_1 || self == .q5_1 ? 2 : 1
        for block in stride(from: 0, to: byteCount, by: bytesPerBlock) {
            // The high byte of a half has the sign, the exponent's five bits and two of the mantissa's.
            for half in 0..<halves where blocks[block + 2 * half + 1] & 0x7C == 0x7C { return false }
        }
        return true
    }
}
