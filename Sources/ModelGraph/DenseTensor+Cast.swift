import CKernels

extension DenseTensor {
    /// The same elements as another computable dtype, rounded to nearest even, converted a run at a time when they are asked for.
    ///
    /// - Parameter name: of a tensor whose finite values are to stay finite; nil where they may become infinite.
    /// - Throws: `GraphError.notComputable` for dtypes that are only carried, and, when bytes are asked for, for a finite value of a
    ///   named tensor that `target` cannot hold.
    public func cast(to target: DType, keepingFinite name: String? = nil) throws -> DenseTensor {
        if target == dtype { return self }
        guard dtype.isComputable, target.isComputable else {
            throw GraphError.notComputable("\(dtype.rawValue) \(shape)", "cannot be converted to \(target.rawValue)")
        }
        let dtype = dtype
        let name = dtype.isHeld(by: target) ? nil : name
        let rows = RowSource(from: bytes, unitBytes: dtype.byteWidth, madeUnitBytes: target.byteWidth) { raw, out in
            FloatCast.convert(raw, dtype, to: target, into: out)
            guard let name, DenseTensor.hasNonFinite(UnsafeRawBufferPointer(out), target) else { return }
            guard DenseTensor.nonFiniteCount(UnsafeRawBufferPointer(out), target) == DenseTensor.nonFiniteCount(raw, dtype) else {
                throw GraphError.notComputable("tensor '\(name)'", "has values that \(target.rawValue) cannot hold")
            }
        }
        return try DenseTensor(dtype: target, shape: shape, bytes: rows)
    }
}

extension DType {
    /// Whether every finite value of this computable dtype stays finite as `other`.
    fileprivate func isHeld(by other: DType) -> Bool {
        switch (self, other) {
        case (_, .f64), (.f16, _), (.bf16, .f32), (.f32, .f32), (.bf16, .bf16): return true
        default: return false
        }
    }
}

extension FloatCast {
    /// Floats in between, so that they stay in the processor's first cache.
    private static let blockElements = 1 << 12

    /// From one computable dtype to another. F64 goes through Float: one rounding to it, and one more to a narrower target.
    ///
    /// - Precondition: `raw` and `out` have as many elements.
    static func convert(_ raw: UnsafeRawBufferPointer, _ dtype: DType, to target: DType, into out: UnsafeMutableRawBufferPointer) {
        let count = raw.count / dtype.byteWidth
        guard count > 0, let from = raw.baseAddress, let to = out.baseAddress else { return }
        if target == .f32 { return widen(raw, dtype, into: to.assumingMemoryBound(to: Float.self), count: count) }
        if dtype == .f32, UInt(bitPattern: from) % 4 == 0 {
            return narrow(UnsafeBufferPointer(start: from.assumingMemoryBound(to: Float.self), count: count), to: target, into: out)
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: blockElements) { scratch in
            guard let floats = scratch.baseAddress else { return }
            for start in stride(from: 0, to: count, by: blockElements) {
                let length = min(blockElements, count - start)
                let read = UnsafeRawBufferPointer(start: from + start * dtype.byteWidth, count: length * dtype.byteWidth)
                let written = UnsafeMutableRawBufferPointer(start: to + start * target.byteWidth, count: length * target.byteWidth)
                widen(read, dtype, into: floats, count: length)
                narrow(UnsafeBufferPointer(start: floats, count: length), to: target, into: written)
            }
        }
    }
}
