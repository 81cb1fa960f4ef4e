extension Parser {
    /// What follows a value at once: attributes, items and calls.
    mutating func postfix(_ base: Expression) throws -> Expression {
        var result = base
        while true {
            let line = current.line
            if skipSymbol(".") {
                result = try attribute(of: result, line: line)
            } else if skipSymbol("[") {
                result = try subscripted(result, line: line)
            } else if isSymbol("(") {
                result = try call(result)
            } else {
                return result
            }
        }
    }

    /// Filters, tests and calls behind a value.
    mutating func filters(_ base: Expression) throws -> Expression {
        var result = base
        while true {
            if skipSymbol("|") {
                result = try filter(result)
            } else if isName("is") {
                next()
                result = try test(result)
            } else if isSymbol("(") {
                result = try call(result)
            } else {
                return result
            }
        }
    }

    private mutating func call(_ callee: Expression) throws -> Expression {
        let line = current.line
        let arguments = try self.arguments()
        return try expression(.call(callee, arguments), line: line, around: [callee] + arguments.all)
    }

    private mutating func attribute(of base: Expression, line: Int) throws -> Expression {
        switch next().kind {
        case .name(let name): return try expression(.attribute(base, Text(name)), line: line, around: [base])
        case .integer(let index):
            let item = try expression(.integer(index), line: line)
            return try expression(.item(base, item), line: line, around: [base])
        default: throw failure("a name is expected after '.'", line: line)
        }
    }

    private mutating func subscripted(_ base: Expression, line: Int) throws -> Expression {
        guard !isSymbol("]") else { throw unsupported("a subscript of nothing") }
        let start = isSymbol(":") ? nil : try expression()
        guard skipSymbol(":") else {
            guard !isSymbol(",") else { throw unsupported("a subscript with commas") }
            try expect(.symbol("]"))
            guard let start else { throw failure("a subscript is expected") }
            return try expression(.item(base, start), line: line, around: [base, start])
        }
        let stop = isSymbol(":") || isSymbol("]") ? nil : try expression()
        let step = skipSymbol(":") && !isSymbol("]") ? try expression() : nil
        guard !isSymbol(",") else { throw unsupported("a subscript with commas") }
        try expect(.symbol("]"))
        return try expression(
            .slice(base, start: start, stop: stop, step: step), line: line, around: [base] + [start, stop, step].compactMap { $0 })
    }

    mutating func arguments() throws -> Expression.Arguments {
        var arguments = Expression.Arguments()
        try expect(.symbol("("))
        while !isSymbol(")") {
            if !arguments.all.isEmpty {
                try expect(.symbol(","))
                if isSymbol(")") { break }
            }
            guard !isSymbol("*"), !isSymbol("**") else { throw unsupported("a call with '*' or '**'") }
            if case .name(let name) = current.kind, following.kind == .symbol("=") {
                guard !arguments.keywords.contains(where: { $0.name == name }) else { throw failure("the argument '\(name)' twice") }
                next()
                next()
                arguments.keywords.append((name, try expression()))
            } else {
                guard arguments.keywords.isEmpty else { throw failure("an argument without a name after one with a name") }
                arguments.positional.append(try expression())
            }
        }
        try expect(.symbol(")"))
        return arguments
    }

    private mutating func filter(_ base: Expression) throws -> Expression {
        let line = current.line
        let name = try dottedName()
        if !Interpreter.filterNames.contains(name) { unknownNames.append(unsupported("the filter '\(name)'", line: line)) }
        let arguments = isSymbol("(") ? try self.arguments() : Expression.Arguments()
        return try expression(.filter(base, name, arguments), line: line, around: [base] + arguments.all)
    }

    private mutating func test(_ base: Expression) throws -> Expression {
        let line = current.line
        let isNegated = skipName("not")
        let name = try dottedName()
        if !Interpreter.testNames.contains(name) { unknownNames.append(unsupported("the test '\(name)'", line: line)) }
        var arguments = Expression.Arguments()
        if isSymbol("(") {
            arguments = try self.arguments()
        } else if beginsTestArgument {
            guard !isName("is") else { throw failure("two tests in a row") }
            arguments.positional = [try nested { parser in try parser.postfix(try parser.primary()) }]
        }
        let test = try expression(.test(base, name, arguments), line: line, around: [base] + arguments.all)
        return isNegated ? try expression(.not(test), line: line, around: [test]) : test
    }

    /// The name of a filter or a test; one with dots is none that is known here.
    private mutating func dottedName() throws -> String {
        var name = try expectName()
        while skipSymbol(".") { name += "." + (try expectName()) }
        return name
    }

    private var beginsTestArgument: Bool {
        switch current.kind {
        case .name(let name): name != "else" && name != "or" && name != "and"
        case .text, .integer, .float, .symbol("["), .symbol("{"): true
        default: false
        }
    }
}
