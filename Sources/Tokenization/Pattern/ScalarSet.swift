/// A set of characters as a pattern writes it: `\p{L}`, `[^\s\p{N}]`, or one character.
struct ScalarSet: Sendable {
    private(set) var traits: CharacterTraits = []
    /// Ascending and apart, once the set is finished.
    private(set) var ranges: [ClosedRange<UInt32>] = []
    private(set) var nested: [ScalarSet] = []
    var isNegated = false
    /// Whether a character belongs where another spelling of its case does.
    let ignoresCase: Bool
    /// The members among ASCII, a bit each.
    private var ascii: (UInt64, UInt64) = (0, 0)

    init(ignoresCase: Bool = false) { self.ignoresCase = ignoresCase }

    /// The set of the characters with any of these traits.
    init(_ traits: CharacterTraits, isNegated: Bool = false) {
        self.init()
        self.traits = traits
        self.isNegated = isNegated
        finish()
    }

    init(_ ranges: [ClosedRange<UInt32>], ignoresCase: Bool = false, isNegated: Bool = false) {
        self.init(ignoresCase: ignoresCase)
        self.ranges = ranges
        self.isNegated = isNegated
        finish()
    }

    mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }

    /// Puts the members of another set in; it is kept whole where it cannot be joined.
    mutating func insert(_ other: ScalarSet) {
        if !other.isNegated, other.nested.isEmpty, other.ignoresCase == ignoresCase || other.ranges.isEmpty {
            traits.formUnion(other.traits)
            ranges += other.ranges
        } else {
            nested.append(other)
        }
    }

    /// Orders the ranges and notes the members among ASCII; to be called when all are in.
    mutating func finish() {
        var joined: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, range.lowerBound <= last.upperBound &+ 1 {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        ranges = joined
        for value in 0..<UInt32(128) where isMember(value, CharacterTraits.ascii[Int(value)]) {
            if value < 64 { ascii.0 |= 1 << UInt64(value) } else { ascii.1 |= 1 << UInt64(value - 64) }
        }
    }

    @inline(__always)
    func contains(_ value: UInt32, _ traits: CharacterTraits) -> Bool {
        if value < 64 { return ascii.0 >> UInt64(value) & 1 == 1 }
        if value < 128 { return ascii.1 >> UInt64(value - 64) & 1 == 1 }
        return isMember(value, traits)
    }

    private func isMember(_ value: UInt32, _ traits: CharacterTraits) -> Bool {
        var isIn = holds(value, traits)
        if !isIn, ignoresCase, let scalar = Unicode.Scalar(value) {
            isIn = ScalarSet.caseVariants(scalar).contains { holds($0.value, CharacterTraits(of: $0)) }
        }
        return isIn != isNegated
    }

    private func holds(_ value: UInt32, _ traits: CharacterTraits) -> Bool {
        if !self.traits.isDisjoint(with: traits) { return true }
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < value { low = middle + 1 } else { high = middle }
        }
        if low < ranges.count, ranges[low].contains(value) { return true }
        return nested.contains { $0.contains(value, traits) }
    }

    /// The characters that differ from this one by case alone: long s is one of s's, the Kelvin sign one of k's, dotless i none of i's.
    static func caseVariants(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        func one(_ text: String) -> Unicode.Scalar? {
            text.unicodeScalars.count == 1 ? text.unicodeScalars.first : nil
        }
        guard scalar != "\u{131}" else { return [] }
        let (lower, upper) = (one(scalar.properties.lowercaseMapping), one(scalar.properties.uppercaseMapping))
        let (upperOfLower, lowerOfUpper) = (
            lower.flatMap { one($0.properties.uppercaseMapping) }, upper.flatMap { one($0.properties.lowercaseMapping) }
        )
        var found = [lower, upper, upperOfLower, lowerOfUpper].compactMap { $0 }
        if found.contains("s") { found.append("\u{17F}") }
        if found.contains("k") { found.append("\u{212A}") }
        return found
    }
}
