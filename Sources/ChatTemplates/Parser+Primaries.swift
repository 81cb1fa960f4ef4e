extension Parser {
    /// A name, a literal, or what is in brackets.
    mutating func primary() throws -> Expression {
        let token = next()
        switch token.kind {
        case .name(let name): return try self.name(name, line: token.line)
        case .text(var text):
            while case .text(let more) = current.kind {
                text += more
                next()
            }
            return try expression(.text(text), line: token.line)
        case .integer(let value): return try expression(.integer(value), line: token.line)
        case .float(let value): return try expression(.float(value), line: token.line)
        case .symbol("("):
            let inner = try tuple(isInParentheses: true)
            try expect(.symbol(")"))
            return inner
        case .symbol("["): return try list(line: token.line)
        case .symbol("{"): return try dictionary(line: token.line)
        default: throw failure("unexpected \(token.words)", line: token.line)
        }
    }

    private func name(_ name: String, line: Int) throws -> Expression {
        switch name {
        case "true", "True": return try expression(.bool(true), line: line)
        case "false", "False": return try expression(.bool(false), line: line)
        case "none", "None": return try expression(.none, line: line)
        case "varargs", "kwargs", "caller":
            if let parameters = macroParameters.last, !parameters.contains(name) { throw unsupported("'\(name)' in a macro", line: line) }
        default: break
        }
        return try expression(.name(name), line: line)
    }

    private mutating func list(line: Int) throws -> Expression {
        var items: [Expression] = []
        while !isSymbol("]") {
            if !items.isEmpty { try expect(.symbol(",")) }
            if isSymbol("]") { break }
            items.append(try expression())
        }
        try expect(.symbol("]"))
        return try expression(.list(items), line: line, around: items)
    }

    private mutating func dictionary(line: Int) throws -> Expression {
        var items: [(key: Expression, value: Expression)] = []
        while !isSymbol("}") {
            if !items.isEmpty { try expect(.symbol(",")) }
            if isSymbol("}") { break }
            let key = try expression()
            try expect(.symbol(":"))
            items.append((key, try expression()))
        }
        try expect(.symbol("}"))
        return try expression(.dictionary(items), line: line, around: items.flatMap { [$0.key, $0.value] })
    }

    /// Expressions between commas, or one alone.
    mutating func tuple(allowsCondition: Bool = true, isInParentheses: Bool = false) throws -> Expression {
        let line = current.line
        var items: [Expression] = []
        var isTuple = false
        while true {
            if !items.isEmpty { try expect(.symbol(",")) }
            if isTupleEnd { break }
            items.append(try expression(allowsCondition: allowsCondition))
            guard isSymbol(",") else { break }
            isTuple = true
        }
        if !isTuple {
            if let only = items.first { return only }
            guard isInParentheses else { throw failure("an expression is expected, not \(current.words)") }
        }
        return try expression(.tuple(items), line: line, around: items)
    }

    var isTupleEnd: Bool { current.kind == .variableEnd || current.kind == .blockEnd || isSymbol(")") }
}
