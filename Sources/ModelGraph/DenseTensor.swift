import CKernels

/// Elements of one dtype in row-major order, wherever their bytes are.
public struct DenseTensor: Sendable {
    public let dtype: DType
    public let shape: Shape
    public let bytes: any ByteSource

    /// - Throws: `GraphError.inconsistent` unless `bytes` holds exactly the shape's elements.
    public init(dtype: DType, shape: Shape, bytes: any ByteSource) throws {
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
        try checkInvariants()
    }

    public func checkInvariants() throws {
        guard let needed = dtype.byteCount(of: shape.elementCount) else {
            throw GraphError.inconsistent("\(dtype.rawValue) \(shape)", "needs too many bytes, or no whole number of them")
        }
        guard needed == bytes.byteCount else {
            throw GraphError.inconsistent("\(dtype.rawValue) \(shape)", "needs \(needed) bytes, storage has \(bytes.byteCount)")
        }
    }

    /// The F32 elements of blocks, which the tensor's own invariants give the right number of bytes.
    init(decoding blocks: BlockTensor) {
        (dtype, shape, bytes) = (.f32, blocks.shape, blocks.decodedRows)
    }

    public var byteCount: Int { bytes.byteCount }

    /// The same tensor with its bytes in memory or a mapped file, so that any of its rows can be had without the others.
    public func resident() throws -> DenseTensor { try DenseTensor(dtype: dtype, shape: shape, bytes: bytes.resident()) }

    /// Writes the elements as floats into `out`.
    ///
    /// - Parameter out: room for exactly `shape.elementCount` floats.
    /// - Throws: `GraphError.notComputable` for dtypes that are carried but not computed with.
    public func readFloats(into out: UnsafeMutableBufferPointer<Float>) throws {
        precondition(out.count == shape.elementCount, "buffer of \(out.count) for \(shape)")
        guard let target = out.baseAddress, out.count > 0 else { return }
        guard dtype.isComputable else {
            throw GraphError.notComputable("\(dtype.rawValue) \(shape)", "this dtype is carried as it is, not computed with")
        }
        try bytes.withUnsafeBytes { raw in
            FloatCast.widen(raw, dtype, into: target, count: out.count)
        }
    }

    /// The elements as floats, in row-major order.
    public func floats() throws -> [Float] {
        let count = shape.elementCount
        return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            try readFloats(into: UnsafeMutableBufferPointer(rebasing: buffer[0..<count]))
            initialized = count
        }
    }

    /// Floats stored as `dtype`, rounded to nearest even where it is narrower.
    public init(floats: [Float], shape: Shape, dtype: DType = .f32) throws {
        guard dtype.isComputable else {
            throw GraphError.notComputable("\(dtype.rawValue) \(shape)", "floats cannot be stored as this dtype")
        }
        let bytes = OwnedBytes(byteCount: floats.count * dtype.byteWidth) { out in
            floats.withUnsafeBufferPointer { FloatCast.narrow($0, to: dtype, into: out) }
        }
        try self.init(dtype: dtype, shape: shape, bytes: bytes)
    }
}
