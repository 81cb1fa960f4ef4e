/// Floats that are kept as blocks of a codec, in row-major order; each row is a whole number of blocks.
///
/// A format that has the codec carries `bytes` as they are; all others see the floats that blocks decode to.
public struct BlockTensor: Sendable {
    public let shape: Shape
    public let codec: BlockCodec
    /// The blocks, row by row.
    public let bytes: any ByteSource

    /// - Throws: `GraphError.inconsistent` unless rows are whole blocks and `bytes` holds exactly those of the shape.
    public init(_ codec: BlockCodec, shape: Shape, bytes: any ByteSource) throws {
        self.shape = shape
        self.codec = codec
        self.bytes = bytes
        try checkInvariants()
    }

    /// The values of `payload` in a codec's blocks, made when they are asked for.
    ///
    /// - Parameter weights: what errors of columns count; nil where all count alike.
    /// - Precondition: the codec encodes, and rows are whole blocks.
    /// - Throws, when asked: `GraphError.notFinite` for NaN and infinities, `.notComputable` for values that overflow F16 scales.
    public init(_ codec: BlockCodec, encoding payload: Payload, name: String, weights: ColumnWeights? = nil) throws {
        try self.init(codec, shape: payload.shape, bytes: BlockEncoding(payload: payload, name: name).rows(of: codec, weights: weights))
    }

    public func checkInvariants() throws {
        guard let needed = codec.byteCount(shape), needed == bytes.byteCount, DType.f32.byteCount(of: shape.elementCount) != nil else {
            throw GraphError.inconsistent("\(codec.name) \(shape)", "has rows that are no whole blocks, or not \(bytes.byteCount) bytes")
        }
    }

    /// Bytes of the blocks.
    public var byteCount: Int { bytes.byteCount }

    /// The F32 elements, decoded by blocks when they are asked for.
    public var elements: DenseTensor { DenseTensor(decoding: self) }

    /// The elements as floats, in row-major order.
    public func floats() throws -> [Float] {
        let count = shape.elementCount
        return try bytes.withUnsafeBytes { raw in
            [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                if let base = raw.baseAddress, let out = buffer.baseAddress, count > 0 {
                    codec.decode(base.assumingMemoryBound(to: UInt8.self), out, count)
                }
                initialized = count
            }
        }
    }

    /// The same tensor with its blocks in memory or a mapped file, so that any of its rows can be had without the others.
    public func resident() throws -> BlockTensor { try BlockTensor(codec, shape: shape, bytes: bytes.resident()) }

    /// Bytes of F32 elements, each row of them made of blocks apart from the others.
    var decodedRows: RowSource {
        let codec = codec
        let decodedBytes = codec.elementsPerBlock * MemoryLayout<Float>.size
        return RowSource(from: bytes, unitBytes: codec.bytesPerBlock, madeUnitBytes: decodedBytes) { blocks, out in
            guard let base = blocks.baseAddress, let out = out.baseAddress, blocks.count > 0 else { return }
            codec.decode(
                base.assumingMemoryBound(to: UInt8.self), out.assumingMemoryBound(to: Float.self),
                blocks.count / codec.bytesPerBlock * codec.elementsPerBlock)
        }
    }
}
