extension Lexer {
    /// A quoted string, its escapes replaced as in Python.
    mutating func string(quote: Unicode.Scalar) throws {
        let start = line
        var end = position + 1
        while let next = scalar(at: end), next != quote { end += next == "\\" ? 2 : 1 }
        guard end < source.count else { throw failure("a string without its end") }
        let text = try unescaped(position + 1..<end)
        tokens.append(Token(kind: .text(text), line: start))
        advance(to: end + 1)
    }

    private func unescaped(_ range: Range<Int>) throws -> Text {
        var text = Text()
        var index = range.lowerBound
        while index < range.upperBound {
            let scalar = source[index]
            index += 1
            guard scalar == "\\" else {
                text.append(scalar)
                continue
            }
            let letter = source[index]
            index += 1
            if let plain = Self.plainEscapes[letter] {
                text.append(plain)
            } else if let length = [Unicode.Scalar("x"): 2, "u": 4, "U": 8][letter] {
                text.append(try code(index..<min(index + length, range.upperBound), radix: 16, length: length))
                index += length
            } else if letter.value >= 0x30, letter.value < 0x38 {
                var end = index
                while end < min(index + 2, range.upperBound), source[end].value >= 0x30, source[end].value < 0x38 { end += 1 }
                text.append(try code(index - 1..<end, radix: 8, length: end - index + 1))
                index = end
            } else if letter == "N" {
                throw Fault.unsupported("an escape by name, \\N,").at(line: line)
            } else if letter != "\n" {
                text += ["\\", letter]
            }
        }
        return text
    }

    private static let plainEscapes: [Unicode.Scalar: Unicode.Scalar] = [
        "\\": "\\", "'": "'", "\"": "\"", "n": "\n", "t": "\t", "r": "\r", "a": "\u{7}", "b": "\u{8}", "f": "\u{C}", "v": "\u{B}",
    ]

    private func code(_ range: Range<Int>, radix: Int, length: Int) throws -> Unicode.Scalar {
        let digits = source[range]
        guard digits.count == length, digits.allSatisfy({ $0.isASCII && Character($0).isHexDigit }),
            let value = UInt32(Text(digits).string, radix: radix), let scalar = Unicode.Scalar(value)
        else { throw failure("a bad escape in a string") }
        return scalar
    }
}
