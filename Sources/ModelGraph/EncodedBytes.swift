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

    public var pieceByteCount: Int { decodedRows.pieceByteCount }

    public func forEachPiece(atOnce count: Int, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        try decodedRows.forEachPiece(atOnce: count, body)
    }

    /// Blocks decoded apart from each other.
    var decodedRows: RowSource {
        let codec = codec
        let decodedBytes = codec.elementsPerBlock * MemoryLayout<Float>.size
        return RowSource(from: blocks, unitBytes: codec.bytesPerBlock, madeUnitBytes: decodedBytes) { blocks, out in
            guard let base = blocks.baseAddress, let out = out.baseAddress, blocks.count > 0 else { return }
            codec.decode(
                base.assumingMemoryBound(to: UInt8.self), out.assumingMemoryBound(to: Float.self),
                blocks.count / codec.bytesPerBlock * codec.elementsPerBlock)
        }
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
        try self.init(codec, shape: payload.shape, blocks: BlockEncoding(payload: payload, name: name).rows(of: codec))
    }

    /// The same tensor with its stored bytes in memory or a mapped file, so that any of its rows can be had without the others.
    public func resident() throws -> DenseTensor {
        func made(_ source: any ByteSource) throws -> any ByteSource {
            source.isAddressable ? source : try source.withUnsafeBytes { OwnedBytes(copying: $0) }
        }
        if let encoded = bytes as? EncodedBytes { return try DenseTensor(encoded.codec, shape: shape, blocks: made(encoded.blocks)) }
        return try DenseTensor(dtype: dtype, shape: shape, bytes: made(bytes))
    }

    /// How the elements are kept when not as themselves.
    public var codec: BlockCodec? { (bytes as? EncodedBytes)?.codec }

    /// Bytes that are kept: of blocks where there are blocks.
    public var storedByteCount: Int { (bytes as? EncodedBytes)?.blocks.byteCount ?? byteCount }
}
