extension Payload {
    /// Reads everything that is stored, piece by piece, and checks what the structure alone cannot tell: bits of sparse patterns, and
    /// codes and zero points against their width.
    ///
    /// - Parameter count: pieces that may be in memory at once.
    /// - Returns: how many values are NaN or infinite, as `nonFiniteCount()` does.
    /// - Throws: `GraphError.inconsistent`; what the storage throws.
    @discardableResult
    public func checkContents(atOnce count: Int = 1) throws -> Int {
        switch self {
        case .dense(let tensor): return try tensor.checkContents(atOnce: count)
        case .blocks(let tensor): return try tensor.elements.nonFiniteCount(atOnce: count)
        case .lowRank(let tensor): return try tensor.u.checkContents(atOnce: count) + tensor.v.checkContents(atOnce: count)
        case .sparse(let tensor):
            try tensor.pattern.checkBits(atOnce: count)
            return try tensor.values.checkContents(atOnce: count)
        case .quantized(let tensor): return try tensor.checkContents(atOnce: count)
        case .composite(let terms): return try terms.reduce(0) { try $0 + $1.checkContents(atOnce: count) }
        }
    }

    /// Memory for reading floats by rows.
    public var rowReading: PieceReading { PieceReading(byteCount: byteCount, pieceByteCount: openByteCount, isParallel: false) }

    /// Memory for one piece of whatever `checkContents` reads, and whether several can be made at once.
    public var reading: PieceReading {
        switch self {
        case .dense(let tensor): return PieceReading([tensor.elementsInAnyOrder])
        case .blocks(let tensor): return PieceReading([tensor.decodedRows])
        case .lowRank(let tensor): return tensor.u.reading.or(tensor.v.reading)
        case .sparse(let tensor): return PieceReading([tensor.pattern.words]).or(tensor.values.reading)
        case .quantized(let tensor):
            return PieceReading([tensor.codes, tensor.scales.bytes] + [tensor.zeroPoints, tensor.columnScales?.bytes].compactMap { $0 })
        case .composite(let terms): return terms.reduce(PieceReading([])) { $0.or($1.reading) }
        }
    }
}

extension DenseTensor {
    fileprivate func checkContents(atOnce pieces: Int) throws -> Int {
        guard dtype == .bool else { return try nonFiniteCount(atOnce: pieces) }
        var isBoolean = true
        try elementsInAnyOrder.forEachPiece(atOnce: pieces) { isBoolean = isBoolean && $0.allSatisfy { $0 < 2 } }
        guard isBoolean else { throw GraphError.inconsistent("BOOL \(shape)", "has bytes other than 0 and 1") }
        return 0
    }
}

extension QuantizedTensor {
    /// - Throws: `GraphError.inconsistent` for a code or zero point that its bits do not hold.
    fileprivate func checkContents(atOnce pieces: Int) throws -> Int {
        let half = Int8(truncatingIfNeeded: 1 << (bits - 1))
        let (low, high) = bits < 8 ? (-half, half - 1) : (Int8.min, Int8.max)
        let top = UInt8(1 << bits - 1)
        var isInRange = true
        try codes.forEachPiece(atOnce: pieces) { codes in
            guard isInRange, bits < 8 else { return }
            isInRange = isSymmetric ? codes.allSatisfy { (low...high).contains(Int8(bitPattern: $0)) } : codes.allSatisfy { $0 <= top }
        }
        guard isInRange else { throw GraphError.inconsistent("quantized", "a code does not fit in \(bits) bits") }
        try zeroPoints?.forEachPiece(atOnce: pieces) { zeros in isInRange = isInRange && zeros.allSatisfy { $0 <= top } }
        guard isInRange else { throw GraphError.inconsistent("quantized", "a zero point does not fit in \(bits) bits") }
        return try scales.nonFiniteCount(atOnce: pieces) + (columnScales?.nonFiniteCount(atOnce: pieces) ?? 0)
    }
}
