/// Text as Python has it: a sequence of code points.
typealias Text = [Unicode.Scalar]

extension Text {
    init(_ string: String) { self = Array(string.unicodeScalars) }

    var string: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: self)
        return String(view)
    }

    /// Without white space, or the code points of `characters`, at either end.
    func stripped(_ characters: Text? = nil, start: Bool = true, end: Bool = true) -> Text {
        func isStripped(_ scalar: Unicode.Scalar) -> Bool { characters?.contains(scalar) ?? scalar.isPythonSpace }
        var lower = 0
        var upper = count
        while start, lower < upper, isStripped(self[lower]) { lower += 1 }
        while end, upper > lower, isStripped(self[upper - 1]) { upper -= 1 }
        return Text(self[lower..<upper])
    }

    /// Whether `other` stands at `index`.
    func has(_ other: Text, at index: Int) -> Bool {
        guard index >= 0, other.count <= count - index else { return false }
        for offset in other.indices where self[index + offset] != other[offset] { return false }
        return true
    }

    /// The first place of `other` within `range`.
    func place(of other: Text, in range: Range<Int>) -> Int? {
        guard range.count >= other.count else { return nil }
        return (range.lowerBound...(range.upperBound - other.count)).first { has(other, at: $0) }
    }

    /// The last place of `other` within `range`.
    func lastPlace(of other: Text, in range: Range<Int>) -> Int? {
        guard range.count >= other.count else { return nil }
        return (range.lowerBound...(range.upperBound - other.count)).last { has(other, at: $0) }
    }
}

extension Unicode.Scalar {
    /// Whether Python's `str.isspace` and `\s` take it for white space.
    var isPythonSpace: Bool {
        switch value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    /// Whether Python's `str.splitlines` ends a line at it.
    var isLineEnd: Bool {
        switch value {
        case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
        default: false
        }
    }

    var isASCIIDigit: Bool { value >= 0x30 && value <= 0x39 }
}
