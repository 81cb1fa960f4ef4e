extension Parser {
    /// What an assignment or a loop assigns to: names, attributes of namespaces where that is allowed, and tuples of them.
    mutating func target(allowsAttributes: Bool = false) throws -> Statement.Target {
        var items: [Statement.Target] = []
        var isTuple = false
        while true {
            if !items.isEmpty { try expect(.symbol(",")) }
            if isTupleEnd { break }
            items.append(try singleTarget(allowsAttributes: allowsAttributes))
            guard isSymbol(",") else { break }
            isTuple = true
        }
        if isTuple { return .tuple(items) }
        guard let only = items.first else { throw failure("a name to assign to is expected, not \(current.words)") }
        return only
    }

    private mutating func singleTarget(allowsAttributes: Bool) throws -> Statement.Target {
        if skipSymbol("(") {
            let inner = try nested { parser in try parser.target(allowsAttributes: false) }
            try expect(.symbol(")"))
            return inner
        }
        guard allowsAttributes, following.kind == .symbol(".") else { return .name(try assignableName()) }
        let object = try expectName()
        next()
        return .attribute(of: object, try expectName())
    }

    /// A name that is no literal.
    mutating func assignableName() throws -> String {
        let line = current.line
        let name = try expectName()
        guard !["true", "True", "false", "False", "none", "None"].contains(name) else {
            throw failure("'\(name)' cannot be assigned to", line: line)
        }
        guard name != "loop" else { throw unsupported("an assignment to 'loop'", line: line) }
        return name
    }
}
