import CKernels
import LinearAlgebra

extension Payload {
    /// All elements as floats in row-major order.
    ///
    /// - Throws: `GraphError.notComputable` for a dtype that is only carried, and whatever its storage throws.
    public func densifiedFloats() throws -> [Float] {
        switch self {
        case .dense(let tensor): return try tensor.floats()
        case .lowRank(let tensor):
            return try tensor.u.densifiedMatrix().times(tensor.v.densifiedMatrix()).elements
        case .sparse(let tensor): return try tensor.densifiedFloats()
        case .quantized(let tensor): return try tensor.densifiedFloats()
        case .composite(let terms):
            var sum = [Float](repeating: 0, count: shape.elementCount)
            for term in terms {
                let values = try term.densifiedFloats()
                for i in 0..<sum.count { sum[i] += values[i] }
            }
            return sum
        }
    }

    /// The elements as a matrix: the last dimension is the columns, all others together the rows.
    public func densifiedMatrix() throws -> Matrix {
        let elements = try densifiedFloats()
        return Matrix(rows: shape.rows, columns: shape.columns, elements: elements)
    }

    /// A dense payload of `dtype` with the same values, rounded; made when its bytes are asked for.
    public func densified(as dtype: DType) throws -> DenseTensor {
        if case .dense(let tensor) = self { return try tensor.dtype.isComputable ? tensor.cast(to: dtype) : tensor }
        let payload = self
        let byteCount = shape.elementCount * dtype.byteWidth
        let deferred = DeferredBytes(byteCount: byteCount) {
            try DenseTensor(floats: payload.densifiedFloats(), shape: payload.shape, dtype: dtype).bytes
        }
        return try DenseTensor(dtype: dtype, shape: shape, bytes: deferred)
    }
}

extension SparseTensor {
    func densifiedFloats() throws -> [Float] {
        let kept = try values.densifiedFloats()
        try pattern.checkBits()
        let words = try pattern.readWords()
        let count = pattern.rows * pattern.columns
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            var used = 0
            words.withUnsafeBufferPointer { words in
                kept.withUnsafeBufferPointer { kept in
                    guard let out = buffer.baseAddress, let words = words.baseAddress else { return }
                    // A pattern without any bit has no values to point at.
                    let base = kept.baseAddress ?? UnsafePointer(out)
                    for row in 0..<pattern.rows {
                        used += caplet_sparse_expand_row(
                            words + row * pattern.wordsPerRow, base + used, out + row * pattern.columns, pattern.columns)
                    }
                }
            }
            initialized = count
        }
    }
}

extension QuantizedTensor {
    func densifiedFloats() throws -> [Float] {
        let scales = try self.scales.floats()
        let zeros = try zeroPoints.map { try $0.withUnsafeBytes { Array($0) } }
        let (rows, columns, groups) = (shape.rows, shape.columns, groupsPerRow)
        let count = shape.elementCount
        return try codes.withUnsafeBytes { codes in
            [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                if count > 0, let out = buffer.baseAddress, let base = codes.baseAddress {
                    for row in 0..<rows {
                        for group in 0..<groups {
                            let start = row * columns + group * groupSize
                            let length = min(groupSize, columns - group * groupSize)
                            let scale = scales[row * groups + group]
                            if let zeros {
                                let codes = base.assumingMemoryBound(to: UInt8.self) + start
                                caplet_dequantize_u8(codes, scale, Float(zeros[row * groups + group]), out + start, length)
                            } else {
                                caplet_dequantize_i8(base.assumingMemoryBound(to: Int8.self) + start, scale, out + start, length)
                            }
                        }
                    }
                }
                initialized = count
            }
        }
    }
}
