extension Text {
    /// The number that Python's `float` reads.
    var float: Double? {
        let text = withPlainDigits.stripped()
        guard let plain = text.withoutUnderscores?.string.lowercased() else { return nil }
        let unsigned = plain.hasPrefix("-") || plain.hasPrefix("+") ? String(plain.dropFirst()) : plain
        if ["inf", "infinity", "nan"].contains(unsigned) {
            let value = unsigned == "nan" ? Double.nan : .infinity
            return plain.hasPrefix("-") ? -value : value
        }
        guard let first = unsigned.utf8.first, first == UInt8(ascii: ".") || (0x30...0x39).contains(first),
            unsigned.utf8.allSatisfy({ (0x30...0x39).contains($0) || ".e+-".utf8.contains($0) })
        else { return nil }
        // Double reads what Python does but for points without digits on one side.
        var spelled = unsigned.hasPrefix(".") ? "0" + unsigned : unsigned
        if let point = spelled.firstIndex(of: ".") {
            let after = spelled.index(after: point)
            guard unsigned != "." else { return nil }
            if after == spelled.endIndex || spelled[after] == "e" {
                guard unsigned.first != "." else { return nil }
                spelled.insert("0", at: after)
            }
        }
        return Double(spelled).map { plain.hasPrefix("-") ? -$0 : $0 }
    }

    /// The digits, with a sign, that Python's `int` reads in a base; nil where it reads no number.
    func integerDigits(_ base: Int) -> String? {
        var digits = withPlainDigits.stripped()
        var sign = ""
        if let first = digits.first, first == "-" || first == "+" {
            sign = first == "-" ? "-" : ""
            digits.removeFirst()
        }
        let prefix = [2: "b", 8: "o", 16: "x"][base]
        if let prefix, digits.count > 2, digits[0] == "0", Character(digits[1]).lowercased() == prefix {
            digits.removeFirst(2)
            if digits.first == "_" { digits.removeFirst() }
        }
        guard let plain = digits.withoutUnderscores, !plain.isEmpty,
            plain.allSatisfy({ $0.isASCII && (Character($0).hexDigitValue ?? 99) < base })
        else { return nil }
        return sign + plain.string
    }

    /// With the digits of all scripts as those of ASCII.
    private var withPlainDigits: Text {
        map { scalar in
            let properties = scalar.properties
            guard !scalar.isASCII, properties.numericType == .decimal, let value = properties.numericValue else { return scalar }
            return Unicode.Scalar(UInt8(0x30 + Int(value)))
        }
    }

    /// Without the underscores between digits; nil where there are others.
    private var withoutUnderscores: Text? {
        for (index, scalar) in enumerated() where scalar == "_" {
            let isBetween = index > 0 && index + 1 < count && Self.isDigit(self[index - 1]) && Self.isDigit(self[index + 1])
            guard isBetween else { return nil }
        }
        return filter { $0 != "_" }
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.isASCII && Character(scalar).isHexDigit }
}
