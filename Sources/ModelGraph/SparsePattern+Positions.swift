extension SparsePattern {
    /// Where the bits are set in the row-major matrix, rising.
    ///
    /// - Throws: what `checkBits` throws.
    /// - Precondition: the matrix has at most 2³² elements.
    public func positions() throws -> [UInt32] {
        try checkBits()
        var found: [UInt32] = []
        found.reserveCapacity(nonZeroCount)
        for (index, word) in try readWords().enumerated() {
            let start = index / wordsPerRow * columns + index % wordsPerRow * 64
            var rest = word
            while rest != 0 {
                found.append(UInt32(start + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return found
    }
}
