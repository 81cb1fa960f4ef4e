import CLibrary

/// How often each code −128 … 127 occurs.
struct CodeHistogram {
    private(set) var counts = [Int](repeating: 0, count: 256)

    /// Of counts that were kept; nil for other than 256.
    init?(counts: [Double]?) {
        guard let counts, counts.count == 256 else { return nil }
        self.counts = counts.map { Int(exactly: $0) ?? 0 }
    }

    init(_ codes: [Int8]) {
        for code in codes { counts[Int(code) + 128] += 1 }
    }

    /// Adds the codes of another.
    mutating func add(_ other: CodeHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
    }

    /// Occurrences of −127 and 127, beyond which values are cut off.
    var outermost: Int { counts[1] + counts[255] }

    var zeros: Int { counts[128] }

    var total: Int { counts.reduce(0, +) }

    /// Order-0 entropy of all codes together, in bits: what a perfect coder of independent symbols needs.
    var entropy: Double {
        let total = Double(self.total)
        return counts.reduce(0) { $1 == 0 ? $0 : $0 - Double($1) * log2(Double($1) / total) }
    }

    /// Bits that such a coder gives each code, at index code + 128; a code that does not occur counts as half an occurrence.
    var lengths: [Float] {
        let total = Double(self.total) + 128
        return counts.map { Float(-log2((Double($0) + 0.5) / total)) }
    }

    /// Bits of the narrowest two's complement, at least 2, that holds every code that occurs.
    var width: Int {
        (2...8).first { bits in
            let half = 1 << (bits - 1)
            return counts.indices.allSatisfy { counts[$0] == 0 || (-half..<half).contains($0 - 128) }
        } ?? 8
    }
}
