import CKernels
import Matrices

extension Payload {
    /// All elements as floats in row-major order.
    ///
    /// - Throws: `GraphError.notComputable` for a dtype that is only carried, and whatever its storage throws.
    public func densifiedFloats() throws -> [Float] {
        switch self {
        case .dense(let tensor): return try tensor.floats()
        case .blocks(let tensor): return try tensor.floats()
        case .lowRank(let tensor):
            return try PortableProduct()(tensor.u.densifiedMatrix(), tensor.v.densifiedMatrix()).elements
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

    /// A dense payload of `dtype` with the same values, rounded; made a run of rows at a time when its bytes are asked for.
    ///
    /// - Parameter name: of a tensor whose finite values are to stay finite; nil where they may become infinite.
    /// - Throws, when bytes are asked for: `GraphError.notComputable` for a finite value of a named tensor that `dtype` cannot hold.
    public func densified(as dtype: DType, keepingFinite name: String? = nil) throws -> DenseTensor {
        if let tensor = elementArray { return try tensor.dtype.isComputable ? tensor.cast(to: dtype, keepingFinite: name) : tensor }
        guard dtype.isComputable else {
            throw GraphError.notComputable("\(dtype.rawValue) \(shape)", "floats cannot be stored as this dtype")
        }
        let payload = self
        let columns = shape.columns
        let rows = RowSource(rowCount: shape.rows, bytesPerRow: columns * dtype.byteWidth, makerByteCount: payload.openByteCount) {
            let read = try payload.floatRows()
            return { run, out in
                let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: run.count * columns)
                defer { values.deallocate() }
                guard let base = values.baseAddress, !values.isEmpty else { return }
                try read(run, base)
                FloatCast.narrow(UnsafeBufferPointer(values), to: dtype, into: out)
                guard let name, DenseTensor.hasNonFinite(UnsafeRawBufferPointer(out), dtype) else { return }
                // Values that are infinite or no numbers already come from such as are stored.
                let before = DenseTensor.nonFiniteCount(UnsafeRawBufferPointer(values), .f32)
                let after = DenseTensor.nonFiniteCount(UnsafeRawBufferPointer(out), dtype)
                guard after == before, try payload.nonFiniteCount() > 0 else {
                    throw GraphError.notComputable("tensor '\(name)'", "has values that \(dtype.rawValue) cannot hold")
                }
            }
        }
        return try DenseTensor(dtype: dtype, shape: shape, bytes: rows)
    }
}

extension SparseTensor {
    func densifiedFloats() throws -> [Float] {
        if shape.elementCount == 0 { return [] }
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
        let columnScales = try self.columnScales?.floats()
        let count = shape.elementCount
        return try codes.withUnsafeBytes { codes in
            [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
                scales.withUnsafeBufferPointer { scales in
                    guard count > 0, let out = buffer.baseAddress, let first = scales.baseAddress else { return }
                    let rows = QuantizedRows(
                        columns: shape.columns, groupSize: groupSize, groups: groupsPerRow, scales: first, codes: codes,
                        columnScales: columnScales)
                    guard let zeros else { return rows.dequantize(shape.rows, zeros: nil, into: out) }
                    zeros.withUnsafeBytes { rows.dequantize(shape.rows, zeros: $0, into: out) }
                }
                initialized = count
            }
        }
    }
}
