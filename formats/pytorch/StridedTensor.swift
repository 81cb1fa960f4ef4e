import ModelGraph

/// A tensor as a view of a storage: where it begins, its sizes, and the distance between neighbours in each dimension.
struct StridedTensor {
    struct Failure: Error {
        let description: String
    }

    let storage: StorageRecord
    let dtype: DType
    let shape: Shape
    /// In elements, as the strides are.
    let offset: Int
    let strides: [Int]

    /// How far a view may be larger than its storage, by repeating elements.
    static let maximumRepetition = 64 << 20

    /// - Throws: `Failure` unless every element lies inside the storage.
    init(_ storage: StorageRecord, _ dtype: DType, offset: Int, sizes: [Int], strides: [Int]) throws {
        guard let shape = Shape(sizes) else {
            throw Failure(description: "has sizes that are no shape of at most \(Shape.maximumRank) dimensions")
        }
        guard strides.count == sizes.count, strides.allSatisfy({ $0 >= 0 }), offset >= 0 else {
            throw Failure(description: "has strides or an offset that fit no tensor")
        }
        (self.storage, self.dtype, self.shape, self.offset, self.strides) = (storage, dtype, shape, offset, strides)
        let available = storage.byteCount / dtype.byteWidth
        var end = offset
        var overflows = false
        for (size, stride) in zip(sizes, strides) where shape.elementCount > 0 {
            let (span, first) = (size - 1).multipliedReportingOverflow(by: stride)
            let (sum, second) = end.addingReportingOverflow(span)
            (end, overflows) = (sum, overflows || first || second)
        }
        guard shape.elementCount == 0 || (!overflows && end < available) else {
            throw Failure(description: "goes to element \(overflows ? "beyond 2⁶³" : "\(end)"), and the storage has \(available)")
        }
        let (bytes, overflow) = shape.elementCount.multipliedReportingOverflow(by: dtype.byteWidth)
        guard !overflow, bytes <= max(storage.byteCount, StridedTensor.maximumRepetition) else {
            throw Failure(description: "repeats elements: \(overflow ? "too many" : "\(bytes)") bytes from \(storage.byteCount)")
        }
    }

    /// Whether the elements lie in row-major order without gaps.
    var isContiguous: Bool {
        var expected = 1
        for (size, stride) in zip(shape.dimensions, strides).reversed() where size != 1 {
            if stride != expected { return false }
            expected *= size
        }
        return true
    }

    /// What two names of one tensor have in common.
    struct Identity: Hashable {
        let key: String
        let dtype: DType
        let shape: Shape
        let offset: Int
        let strides: [Int]
    }

    var identity: Identity { Identity(key: storage.key, dtype: dtype, shape: shape, offset: offset, strides: strides) }

    /// The elements in row-major order: a part of the storage where they lie so, gathered when asked for elsewhere.
    ///
    /// - Parameter bytes: at least `storage.byteCount` bytes.
    func dense(_ bytes: any ByteSource) throws -> DenseTensor {
        let width = dtype.byteWidth
        let count = shape.elementCount * width
        if isContiguous || count == 0, let part = SlicedBytes(bytes, offset: count == 0 ? 0 : offset * width, byteCount: count) {
            return try DenseTensor(dtype: dtype, shape: shape, bytes: part)
        }
        let tensor = self
        let gathered = DeferredBytes(byteCount: count) {
            try bytes.withUnsafeBytes { raw in OwnedBytes(byteCount: count) { tensor.gather(raw, into: $0) } }
        }
        return try DenseTensor(dtype: dtype, shape: shape, bytes: gathered)
    }

    /// - Precondition: the tensor has elements, and `raw` the storage's bytes.
    private func gather(_ raw: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer) {
        switch dtype.byteWidth {
        case 1: gather(raw, into: out, UInt8.self)
        case 2: gather(raw, into: out, UInt16.self)
        case 4: gather(raw, into: out, UInt32.self)
        default: gather(raw, into: out, UInt64.self)
        }
    }

    private func gather<Word: FixedWidthInteger>(
        _ raw: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer, _ word: Word.Type
    ) {
        guard let source = raw.baseAddress, let target = out.baseAddress else { return }
        let width = MemoryLayout<Word>.size
        let (rank, columns) = (shape.rank, shape.columns)
        let step = (strides.last ?? 1) * width
        var position = [Int](repeating: 0, count: rank)
        for row in 0..<shape.elementCount / columns {
            var from = offset
            for axis in 0..<max(rank - 1, 0) { from += position[axis] * strides[axis] }
            let (begin, to) = (source + from * width, target + row * columns * width)
            for column in 0..<columns {
                (to + column * width).storeBytes(of: (begin + column * step).loadUnaligned(as: Word.self), as: Word.self)
            }
            for axis in (0..<max(rank - 1, 0)).reversed() {
                position[axis] += 1
                if position[axis] < shape.dimensions[axis] { break }
                position[axis] = 0
            }
        }
    }
}
