extension Payload {
    /// Reads everything that is stored and checks what the structure alone cannot tell: bits of sparse patterns, and codes and zero
    /// points against their width.
    ///
    /// - Throws: `GraphError.inconsistent`; what the storage throws.
    public func checkContents() throws {
        switch self {
        case .dense(let tensor):
            guard tensor.dtype == .bool else { return try tensor.bytes.withUnsafeBytes { _ in } }
            let isBoolean = try tensor.bytes.withUnsafeBytes { $0.allSatisfy { $0 < 2 } }
            guard isBoolean else { throw GraphError.inconsistent("BOOL \(tensor.shape)", "has bytes other than 0 and 1") }
        case .lowRank(let tensor):
            try tensor.u.checkContents()
            try tensor.v.checkContents()
        case .sparse(let tensor):
            try tensor.pattern.checkBits()
            try tensor.values.checkContents()
        case .quantized(let tensor): try tensor.checkCodes()
        case .composite(let terms):
            for term in terms { try term.checkContents() }
        }
    }
}

extension QuantizedTensor {
    /// - Throws: `GraphError.inconsistent` for a code or zero point that its bits do not hold.
    func checkCodes() throws {
        if bits < 8 {
            let half = Int8(1 << (bits - 1))
            let (low, high) = (-half, half - 1)
            let top = UInt8(1 << bits) - 1
            let areInRange = try codes.withUnsafeBytes { codes in
                isSymmetric ? codes.allSatisfy { (low...high).contains(Int8(bitPattern: $0)) } : codes.allSatisfy { $0 <= top }
            }
            guard areInRange else { throw GraphError.inconsistent("quantized", "a code does not fit in \(bits) bits") }
            guard try zeroPoints?.withUnsafeBytes({ $0.allSatisfy { $0 <= top } }) ?? true else {
                throw GraphError.inconsistent("quantized", "a zero point does not fit in \(bits) bits")
            }
        } else {
            try codes.withUnsafeBytes { _ in }
        }
    }
}
