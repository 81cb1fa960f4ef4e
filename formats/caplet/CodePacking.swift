import ModelGraph

/// The choice of an encoding for codes: one a byte, several, or by a coder that adapts.
///
/// Candidates are compressed on a sample; the shortest is taken. Nothing but the codes decides, so that equal codes are equal
/// bytes.
struct CodePacking {
    /// Codes by value.
    private let histogram: [Int]
    private let total: Int

    /// Bytes of codes that candidates are tried on, in four pieces.
    private static let sampleByteCount = 256 << 10
    /// The largest radix for each number of digits a byte.
    private static let radices = [16, 6, 4, 3, 2]
    /// A radix that escapes more than this share of the codes is not tried.
    private static let maximumEscapes = 0.05

    init(_ codes: UnsafeRawBufferPointer) {
        var histogram = [Int](repeating: 0, count: 256)
        for code in codes { histogram[Int(code)] += 1 }
        self.histogram = histogram
        total = codes.count
    }

    /// - Throws: `GraphError.inconsistent` for a code that `bits` bits do not have.
    func checkRange(bits: Int, isSymmetric: Bool) throws {
        let range = CodeRange(bits: bits, isSymmetric: isSymmetric)
        for code in 0..<256 where histogram[code] > 0 && !range.contains(UInt8(code)) {
            throw GraphError.inconsistent("quantized", "has the code \(range.value(UInt8(code))); \(range.description) are \(bits) bits")
        }
    }

    /// Every packing that is worth trying.
    var candidates: [PackedCodes] {
        guard total > 0 else { return [] }
        return CodePacking.radices.compactMap { radix in
            if let low = lowest(covering: total, digits: radix) { return PackedCodes(low: low, radix: radix, escapes: false) }
            guard radix > 2 else { return nil }
            let needed = total - Int(Double(total) * CodePacking.maximumEscapes)
            return lowest(covering: needed, digits: radix - 1).map { PackedCodes(low: $0, radix: radix, escapes: true) }
        }
    }

    /// The start of the run of `digits` codes that covers most, when that is at least `needed`. Runs go past 255 to 0, so that
    /// −1 and 0 are neighbours.
    private func lowest(covering needed: Int, digits: Int) -> UInt8? {
        var best = (low: 0, count: -1)
        for low in 0..<256 {
            let count = (0..<digits).reduce(0) { $0 + histogram[(low + $1) & 255] }
            if count > best.count { best = (low, count) }
        }
        return best.count >= needed ? UInt8(best.low) : nil
    }

    /// The codes of a matrix with so many columns by a coder that adapts: on a trellis, where all of them are.
    private func adaptive(_ codes: UnsafeRawBufferPointer, columns: Int, isSymmetric: Bool) -> AdaptiveCodes {
        var below = 0
        let median = histogram.firstIndex { count in
            below += count
            return 2 * below >= total
        }
        let center = isSymmetric ? 0 : UInt8(median ?? 0)
        let trellis = AdaptiveCodes(columns: columns, center: center, isTrellis: true)
        return trellis.holds(codes) ? trellis : AdaptiveCodes(columns: columns, center: center, isTrellis: false)
    }

    /// - Parameters:
    ///   - columns: codes a row.
    ///   - isSymmetric: whether codes are signed.
    /// - Throws: `ZstdFrame.Failure`.
    func encoding(for codes: UnsafeRawBufferPointer, columns: Int, isSymmetric: Bool) throws -> PartEncoding {
        guard total > 0 else { return .raw }
        let columns = max(min(columns, AdaptiveCodes.maximumColumns), 1)
        let sample = CodePacking.sample(codes, columns: columns)
        return try sample.withUnsafeBytes { sample in
            var best = (encoding: PartEncoding.raw, size: try ZstdFrame.compress(sample, .numbers).count)
            for packing in candidates {
                let size = try packing.encode(sample)[0].withUnsafeBytes { try ZstdFrame.compress($0, .numbers).count }
                if size < best.size { best = (.packed(packing), size) }
            }
            let adaptive = adaptive(codes, columns: columns, isSymmetric: isSymmetric)
            let size = try adaptive.encode(sample)[0].withUnsafeBytes { try ZstdFrame.compress($0, .numbers).count }
            return size < best.size ? .adaptive(adaptive) : best.encoding
        }
    }

    /// Whole rows.
    private static func sample(_ codes: UnsafeRawBufferPointer, columns: Int) -> [UInt8] {
        if codes.count <= sampleByteCount { return Array(codes) }
        let piece = max(sampleByteCount / 4 / columns, 1) * columns
        let rows = codes.count / columns
        guard rows * columns == codes.count, rows > 4 * (piece / columns) else { return Array(codes.prefix(sampleByteCount)) }
        return (0..<4).flatMap { index -> [UInt8] in
            let start = (rows - piece / columns) / 3 * index * columns
            return Array(codes[start..<start + piece])
        }
    }
}

/// The codes that a quantized tensor of some bits may have.
struct CodeRange {
    let bits: Int
    let isSymmetric: Bool

    func value(_ code: UInt8) -> Int { isSymmetric ? Int(Int8(bitPattern: code)) : Int(code) }

    private var bounds: ClosedRange<Int> { isSymmetric ? -(1 << (bits - 1))...(1 << (bits - 1)) - 1 : 0...(1 << bits) - 1 }

    func contains(_ code: UInt8) -> Bool { bounds.contains(value(code)) }

    var description: String { "\(bounds.lowerBound) … \(bounds.upperBound)" }
}
