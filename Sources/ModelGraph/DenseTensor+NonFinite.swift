import CKernels

extension DenseTensor {
    /// How many elements are NaN or infinite; 0 for integers. All are read, piece by piece.
    ///
    /// - Parameter count: pieces that may be in memory at once.
    public func nonFiniteCount(atOnce count: Int = 1) throws -> Int {
        var found = 0
        try elementsInAnyOrder.forEachPiece(ofElements: dtype.byteWidth, atOnce: count) { piece in
            if DenseTensor.hasNonFinite(piece, dtype) { found += DenseTensor.nonFiniteCount(piece, dtype) }
        }
        return found
    }

    /// Whether any element is NaN or infinite; false for dtypes that are not computed with.
    static func hasNonFinite(_ raw: UnsafeRawBufferPointer, _ dtype: DType) -> Bool {
        guard let base = raw.baseAddress, raw.count > 0 else { return false }
        switch dtype {
        case .f32: return caplet_has_exponent_32(base, 0x7F80_0000, raw.count / 4) != 0
        case .f16: return caplet_has_exponent_16(base, 0x7C00, raw.count / 2) != 0
        case .bf16: return caplet_has_exponent_16(base, 0x7F80, raw.count / 2) != 0
        default: return dtype.isComputable && nonFiniteCount(raw, dtype) > 0
        }
    }

    static func nonFiniteCount(_ raw: UnsafeRawBufferPointer, _ dtype: DType) -> Int {
        switch dtype {
        case .f64: return count(raw, UInt64.self, exponent: 0x7FF0_0000_0000_0000)
        case .f32: return count(raw, UInt32.self, exponent: 0x7F80_0000)
        case .f16: return count(raw, UInt16.self, exponent: 0x7C00)
        case .bf16: return count(raw, UInt16.self, exponent: 0x7F80)
        case .f8E5M2: return count(raw, UInt8.self, exponent: 0x7C)
        // E4M3 has no infinities, and NaN only where all bits but the sign are set.
        case .f8E4M3: return count(raw, UInt8.self, exponent: 0x7F)
        default: return 0
        }
    }

    /// Elements whose `exponent` bits are all set.
    private static func count<Bits: FixedWidthInteger>(
        _ raw: UnsafeRawBufferPointer, _ type: Bits.Type, exponent: Bits
    ) -> Int {
        guard let base = raw.baseAddress else { return 0 }
        var found = 0
        for index in 0..<raw.count / MemoryLayout<Bits>.size {
            let bits = Bits(littleEndian: base.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self))
            found &+= bits & exponent == exponent ? 1 : 0
        }
        return found
    }
}

extension Payload {
    /// How many stored values are NaN or infinite: elements, kept values, factors and scales.
    public func nonFiniteCount() throws -> Int {
        switch self {
        case .dense(let tensor): return try tensor.nonFiniteCount()
        case .blocks(let tensor): return try tensor.elements.nonFiniteCount()
        case .lowRank(let tensor): return try tensor.u.nonFiniteCount() + tensor.v.nonFiniteCount()
        case .sparse(let tensor): return try tensor.values.nonFiniteCount()
        case .quantized(let tensor): return try tensor.scales.nonFiniteCount() + (tensor.columnScales?.nonFiniteCount() ?? 0)
        case .composite(let terms): return try terms.reduce(0) { try $0 + $1.nonFiniteCount() }
        }
    }
}
