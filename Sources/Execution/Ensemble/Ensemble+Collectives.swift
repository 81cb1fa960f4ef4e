/// What all ranks do together, each calling it with the same arguments where nothing else is said.
extension Ensemble {
    /// Bytes sent or received at a time.
    static var pieceBytes: Int { 8 << 20 }

    /// Gives all ranks the bytes that one has, along a binomial tree: log₂ of the count steps.
    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
        guard count > 1, !bytes.isEmpty else { return }
        let place = (rank - root + count) % count
        for start in stride(from: 0, to: bytes.count, by: Self.pieceBytes) {
            let piece = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(start + Self.pieceBytes, bytes.count)])
            var reach = 1
            while reach < count {
                if place < reach {
                    if place + reach < count { try send(UnsafeRawBufferPointer(piece), to: (place + reach + root) % count) }
                } else if place < 2 * reach {
                    try receive(piece, from: (place - reach + root) % count)
                }
                reach *= 2
            }
        }
    }

    /// The bytes that one rank has; others' are not looked at.
    public func broadcast(_ bytes: [UInt8], from root: Int) throws -> [UInt8] {
        guard count > 1 else { return bytes }
        var length = [rank == root ? bytes.count : 0]
        try length.withUnsafeMutableBytes { try broadcast($0, from: root) }
        var found = rank == root ? bytes : [UInt8](repeating: 0, count: length[0])
        try found.withUnsafeMutableBytes { try broadcast($0, from: root) }
        return found
    }

    /// The number that one rank has.
    public func broadcast(_ number: Double, from root: Int) throws -> Double {
        var number = number
        try withUnsafeMutableBytes(of: &number) { try broadcast($0, from: root) }
        return number
    }

    /// What every rank has, by rank, for all ranks: small things.
    public func gather(_ own: [UInt8]) throws -> [[UInt8]] {
        guard count > 1 else { return [own] }
        return try (0..<count).map { try broadcast($0 == rank ? own : [], from: $0) }
    }

    /// The values that ranks have of a list, each those of its own range, as the whole list for all ranks.
    ///
    /// - Parameters:
    ///   - own: as many as this rank's range has.
    ///   - ranges: of each rank; together they are 0 ..< n, in order.
    public func gather<Value: BitwiseCopyable>(_ own: [Value], _ ranges: [Range<Int>], zero: Value) throws -> [Value] {
        guard count > 1 else { return own }
        precondition(own.count == ranges[rank].count, "\(own.count) values for \(ranges[rank].count)")
        var all = [Value](repeating: zero, count: ranges.last?.upperBound ?? 0)
        for (slot, index) in ranges[rank].enumerated() { all[index] = own[slot] }
        try all.withUnsafeMutableBytes { all in
            for (root, range) in ranges.enumerated() where !range.isEmpty {
                let size = MemoryLayout<Value>.stride
                try broadcast(
                    UnsafeMutableRawBufferPointer(rebasing: all[range.lowerBound * size..<range.upperBound * size]), from: root)
            }
        }
        return all
    }

    /// One place for each rank.
    public var places: [Range<Int>] { (0..<count).map { $0..<$0 + 1 } }

    /// Waits for all ranks.
    public func meet() throws { _ = try gather([]) }
}
