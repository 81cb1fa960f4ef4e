extension Lexer {
    private static let symbols: [Text] = [
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",",
        ";",
    ].map { Text($0) }

    /// The tokens of a tag, up to and with its end.
    mutating func inside(isBlock: Bool) throws {
        var closers: [Unicode.Scalar] = []
        let first = tokens.count
        while true {
            if closers.isEmpty, end(isBlock: isBlock) { return }
            skipSpace()
            if closers.isEmpty, end(isBlock: isBlock) { return }
            guard let next = scalar(at: position) else { throw failure("the template ends inside a tag") }
            if next.isASCIIDigit {
                try number()
            } else if next == "_" || next.properties.isXIDStart {
                name()
                if isBlock, tokens.count == first + 1, tokens[first].kind == .name("raw") {
                    throw Fault.unsupported("the tag 'raw'").at(line: line)
                }
            } else if next == "'" || next == "\"" {
                try string(quote: next)
            } else {
                try symbol(&closers)
            }
        }
    }

    /// Takes the end of a tag, and the white space that goes with it.
    private mutating func end(isBlock: Bool) -> Bool {
        let closing: Unicode.Scalar = isBlock ? "%" : "}"
        let sign = scalar(at: position)
        let isSigned = sign == "-" || (isBlock && sign == "+")
        let start = isSigned ? position + 1 : position
        guard scalar(at: start) == closing, scalar(at: start + 1) == "}" else { return false }
        tokens.append(Token(kind: isBlock ? .blockEnd : .variableEnd, line: line))
        advance(to: start + 2)
        if sign == "-" {
            skipSpace()
        } else if isBlock, !isSigned, scalar(at: position) == "\n" {
            advance(to: position + 1)
        }
        return true
    }

    private mutating func name() {
        var end = position
        while end < source.count, source[end] == "_" || source[end].properties.isXIDContinue { end += 1 }
        tokens.append(Token(kind: .name(Text(source[position..<end]).string), line: line))
        advance(to: end)
    }

    private mutating func symbol(_ closers: inout [Unicode.Scalar]) throws {
        guard let symbol = Self.symbols.first(where: { source.has($0, at: position) }) else {
            throw failure("unexpected character '\(source[position])'")
        }
        switch symbol[0] {
        case "{": closers.append("}")
        case "(": closers.append(")")
        case "[": closers.append("]")
        case "}", ")", "]":
            guard closers.popLast() == symbol[0] else { throw failure("unexpected '\(symbol[0])'") }
        default: break
        }
        tokens.append(Token(kind: .symbol(symbol.string), line: line))
        advance(to: position + symbol.count)
    }

    /// The end of digits of a radix from `start` on, with single underscores between them.
    private func digits(from start: Int, radix: Int = 10) -> Int {
        var end = start
        while let next = scalar(at: end) {
            let digit = next == "_" && end > start ? scalar(at: end + 1) : next
            guard let digit, digit.isASCII, let value = Character(digit).hexDigitValue, value < radix else { break }
            end += next == "_" ? 2 : 1
        }
        return end
    }

    private mutating func number() throws {
        let whole = digits(from: position)
        var end = whole
        if scalar(at: whole) == ".", digits(from: whole + 1) > whole + 1 { end = digits(from: whole + 1) }
        if let letter = scalar(at: end), letter == "e" || letter == "E" {
            let sign = scalar(at: end + 1)
            let start = end + (sign == "+" || sign == "-" ? 2 : 1)
            let exponent = digits(from: start)
            if exponent > start { end = exponent }
        }
        if end > whole, position == 0 || source[position - 1] != "." {
            guard let value = Double(Text(source[position..<end].filter { $0 != "_" }).string) else { throw failure("a bad number") }
            tokens.append(Token(kind: .float(value), line: line))
            return advance(to: end)
        }
        try integer(decimalEnd: whole)
    }

    private mutating func integer(decimalEnd: Int) throws {
        var (start, end, radix) = (position, decimalEnd, 10)
        if source[position] == "0" {
            let letter = scalar(at: position + 1).map { Character($0).lowercased() }
            if let prefixed = ["b": 2, "o": 8, "x": 16][letter ?? ""] {
                let after = position + 2 + (scalar(at: position + 2) == "_" ? 1 : 0)
                let last = digits(from: after, radix: prefixed)
                if last > after { (start, end, radix) = (after, last, prefixed) }
            }
            if radix == 10 {
                end = position + 1
                while scalar(at: end) == "0" || (scalar(at: end) == "_" && scalar(at: end + 1) == "0") { end += 1 }
            }
        }
        guard let value = Int(Text(source[start..<end].filter { $0 != "_" }).string, radix: radix) else {
            throw Fault("an integer that does not fit 64 bits", .limit).at(line: line)
        }
        tokens.append(Token(kind: .integer(value), line: line))
        advance(to: end)
    }
}
