/// Cuts a template into tokens, with white space around tags treated as Jinja2 does with trim_blocks and lstrip_blocks.
struct Lexer {
    let source: Text
    var position = 0
    var line = 1
    var tokens: [Token] = []

    /// - Throws: `Fault` when the source is too large.
    init(_ source: String, limits: ChatTemplateLimits) throws {
        guard source.utf8.count <= limits.sourceBytes else {
            throw Fault("a template of more than \(limits.sourceBytes) bytes", .limit)
        }
        var text = Text()
        text.reserveCapacity(source.utf8.count)
        for scalar in source.unicodeScalars {
            if scalar == "\n", text.last == "\r" {
                text[text.count - 1] = "\n"
            } else {
                if text.last == "\r" { text[text.count - 1] = "\n" }
                text.append(scalar)
            }
        }
        if text.last == "\r" { text[text.count - 1] = "\n" }
        if text.last == "\n" { text.removeLast() }
        self.source = text
    }

    /// All tokens, one of the end last.
    mutating func run() throws -> [Token] {
        while position < source.count {
            guard let tag = nextTag() else {
                appendData(Text(source[position...]))
                break
            }
            try root(upTo: tag)
        }
        tokens.append(Token(kind: .end, line: line))
        return tokens
    }

    func failure(_ reason: String) -> ChatTemplateError { ChatTemplateError(kind: .syntax, line: line, reason: reason) }

    func scalar(at index: Int) -> Unicode.Scalar? { index < source.count ? source[index] : nil }

    /// Moves to `end` and counts the lines on the way.
    mutating func advance(to end: Int) {
        for index in position..<end where source[index] == "\n" { line += 1 }
        position = end
    }

    private func nextTag() -> Int? {
        var index = position
        while index + 1 < source.count {
            if source[index] == "{" {
                let next = source[index + 1]
                if next == "{" || next == "%" || next == "#" { return index }
            }
            index += 1
        }
        return nil
    }

    private mutating func appendData(_ text: Text) {
        if !text.isEmpty { tokens.append(Token(kind: .data(text), line: line)) }
        advance(to: position + text.count)
    }

    /// The text before a tag, and the tag.
    private mutating func root(upTo tag: Int) throws {
        let isLineStart = position == 0 || source[position - 1] == "\n"
        let opening = source[tag + 1]
        let sign = scalar(at: tag + 2).flatMap { $0 == "-" || $0 == "+" ? $0 : nil }
        var text = Text(source[position..<tag])
        if sign == "-" {
            text = text.stripped(start: false)
        } else if sign == nil, opening != "{" {
            let lineStart = (text.lastIndex(of: "\n") ?? -1) + 1
            if lineStart > 0 || isLineStart, text[lineStart...].allSatisfy(\.isPythonSpace) { text.removeSubrange(lineStart...) }
        }
        appendData(text)
        advance(to: tag)
        let start = line
        advance(to: tag + (sign == nil ? 2 : 3))
        if opening == "#" {
            try comment()
        } else {
            tokens.append(Token(kind: opening == "{" ? .variableBegin : .blockBegin, line: start))
            try inside(isBlock: opening == "%")
        }
    }

    private mutating func comment() throws {
        // Jinja2 takes a comment that begins where the template ends for none.
        if position == source.count { return }
        var end = position
        while end + 1 < source.count, source[end] != "#" || source[end + 1] != "}" { end += 1 }
        guard end + 1 < source.count else { throw failure("a comment without its end") }
        let sign = end > position ? source[end - 1] : " "
        advance(to: end + 2)
        if sign == "-" { skipSpace() } else if sign != "+", scalar(at: position) == "\n" { advance(to: position + 1) }
    }

    mutating func skipSpace() {
        var end = position
        while end < source.count, source[end].isPythonSpace { end += 1 }
        advance(to: end)
    }
}
