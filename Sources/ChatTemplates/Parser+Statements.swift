extension Parser {
    /// Text, outputs and tags up to a tag of one of the names, which is taken and returned; of the whole template without names.
    mutating func body(until ends: [String]) throws -> ([Statement], end: String) {
        var statements: [Statement] = []
        while true {
            let token = next()
            switch token.kind {
            case .data(let text): statements.append(Statement(line: token.line, form: .data(text)))
            case .variableBegin:
                statements.append(Statement(line: token.line, form: .output(try tuple())))
                try expect(.variableEnd)
            case .blockBegin:
                if case .name(let name) = current.kind, ends.contains(name) {
                    next()
                    return (statements, name)
                }
                statements.append(try nested { parser in try parser.statement() })
                try expect(.blockEnd)
            case .end:
                let names = ends.map { "'\($0)'" }.joined(separator: " or ")
                guard ends.isEmpty else { throw failure("the template ends where \(names) is expected") }
                return (statements, "")
            default: throw failure("unexpected \(token.words)", line: token.line)
            }
        }
    }

    /// The body of a tag, from the end of the tag on.
    private mutating func block(until ends: [String]) throws -> ([Statement], end: String) {
        _ = skipSymbol(":")
        try expect(.blockEnd)
        return try body(until: ends)
    }

    private mutating func statement() throws -> Statement {
        let line = current.line
        let tag = try expectName()
        switch tag {
        case "if": return Statement(line: line, form: try conditional())
        case "for": return Statement(line: line, form: try loop())
        case "set": return Statement(line: line, form: try set())
        case "macro": return Statement(line: line, form: .macro(try macro()))
        case "generation":
            let body = try inFunction(parameters: nil) { parser in try parser.block(until: ["endgeneration"]).0 }
            return Statement(line: line, form: .generation(Statement.Body(statements: body)))
        case "break", "continue":
            guard loopDepth > 0 else { throw failure("'\(tag)' outside a loop", line: line) }
            return Statement(line: line, form: tag == "break" ? .breakLoop : .continueLoop)
        case "include", "import", "from", "extends", "block", "call", "filter", "with", "autoescape", "print", "do", "trans", "debug":
            throw unsupported("the tag '\(tag)'", line: line)
        default: throw failure("unknown tag '\(tag)'", line: line)
        }
    }

    private mutating func conditional() throws -> Statement.Form {
        let names = unknownNames.count
        defer { toleratesNames(from: names) }
        var branches: [(test: Expression, body: [Statement])] = []
        while true {
            let test = try tuple(allowsCondition: false)
            let (body, end) = try block(until: ["elif", "else", "endif"])
            branches.append((test, body))
            if end == "elif" { continue }
            let otherwise = end == "else" ? try block(until: ["endif"]).0 : []
            return .conditional(branches, otherwise: otherwise)
        }
    }

    private mutating func loop() throws -> Statement.Form {
        let target = try self.target()
        try expect(.name("in"))
        let source = try tuple(allowsCondition: false)
        let names = unknownNames.count
        let filter = skipName("if") ? try expression() : nil
        guard !isName("recursive") else { throw unsupported("a recursive loop") }
        loopDepth += 1
        let (body, end) = try block(until: ["endfor", "else"])
        loopDepth -= 1
        try checkNames(from: names)
        let otherwise = end == "else" ? try block(until: ["endfor"]).0 : []
        return .loop(
            Statement.Loop(
                target: target, source: source, filter: filter, body: Statement.Body(statements: body),
                otherwise: Statement.Body(statements: otherwise)))
    }

    private mutating func set() throws -> Statement.Form {
        let target = try self.target(allowsAttributes: true)
        if skipSymbol("=") { return .set(target, try tuple()) }
        guard !isSymbol("|") else { throw unsupported("a filter on a block that is set") }
        return .capture(target, Statement.Body(statements: try block(until: ["endset"]).0))
    }

    private mutating func macro() throws -> Statement.MacroDefinition {
        let name = try assignableName()
        var parameters: [(name: String, initial: Expression?)] = []
        try expect(.symbol("("))
        while !isSymbol(")") {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let parameter = try assignableName()
            guard !parameters.contains(where: { $0.name == parameter }) else { throw failure("the parameter '\(parameter)' twice") }
            if skipSymbol("=") {
                parameters.append((parameter, try expression()))
            } else {
                guard parameters.last?.initial == nil else { throw failure("a parameter without a value after one with a value") }
                parameters.append((parameter, nil))
            }
        }
        try expect(.symbol(")"))
        let body = try inFunction(parameters: parameters.map(\.name)) { parser in try parser.block(until: ["endmacro"]).0 }
        return Statement.MacroDefinition(name: name, parameters: parameters, body: Statement.Body(statements: body))
    }

    /// Runs a part of the parser where loops around are out of reach.
    private mutating func inFunction<Result>(parameters: [String]?, _ work: (inout Parser) throws -> Result) throws -> Result {
        let (loops, names) = (loopDepth, unknownNames.count)
        loopDepth = 0
        if let parameters { macroParameters.append(parameters) }
        defer {
            loopDepth = loops
            if parameters != nil { macroParameters.removeLast() }
        }
        let result = try work(&self)
        try checkNames(from: names)
        return result
    }
}
