extension Interpreter {
    /// The tests of Jinja2 that are evaluated here, and the comparisons among them.
    static let testNames: Set<String> = Set(comparisonTests.keys).union([
        "boolean", "callable", "defined", "divisibleby", "even", "false", "float", "integer", "iterable", "lower", "mapping", "none",
        "number",
        "odd", "sameas", "sequence", "string", "true", "undefined", "upper",
    ])

    private static let comparisonTests: [String: Expression.Comparison] = [
        "==": .equal, "eq": .equal, "equalto": .equal, "!=": .notEqual, "ne": .notEqual,
        ">": .greater, "gt": .greater, "greaterthan": .greater, ">=": .greaterOrEqual, "ge": .greaterOrEqual, "<": .less, "lt": .less,
        "lessthan": .less, "<=": .lessOrEqual, "le": .lessOrEqual,
        "in": .isIn,
    ]

    /// `value is name(…)`.
    func test(_ name: String, _ value: Value, _ arguments: Arguments) throws -> Bool {
        guard Self.testNames.contains(name) else { throw Fault.unsupported("the test '\(name)'") }
        if let comparison = Self.comparisonTests[name] {
            return try compare(value, comparison, argument(name, arguments))
        }
        switch name {
        case "divisibleby": return try isEqual(remainder(value, argument(name, arguments)), .integer(0))
        case "sameas": return try isSame(value, argument(name, arguments))
        default: break
        }
        _ = try arguments.bound([], to: name)
        switch name {
        case "odd": return try isEqual(remainder(value, .integer(2)), .integer(1))
        case "even": return try isEqual(remainder(value, .integer(2)), .integer(0))
        case "lower", "upper":
            let text = try printed(value)
            try budget.charge(everyOf: text)
            return name == "lower" ? text.isCased(\.isLowercase, not: \.isUppercase) : text.isCased(\.isUppercase, not: \.isLowercase)
        default: return Self.isOfKind(name, value)
        }
    }

    private func argument(_ name: String, _ arguments: Arguments) throws -> Value {
        guard arguments.keywords.isEmpty, arguments.positional.count == 1 else { throw Fault("the test '\(name)' takes one argument") }
        return arguments.positional[0]
    }

    private func remainder(_ value: Value, _ divisor: Value) throws -> Value { try arithmetic(value, .remainder, divisor) }

    /// Tests of what sort of thing a value is.
    private static func isOfKind(_ name: String, _ value: Value) -> Bool {
        switch (name, value) {
        case ("undefined", .undefined), ("none", .none), ("boolean", .bool), ("true", .bool(true)), ("false", .bool(false)): true
        case ("integer", .integer), ("float", .float), ("number", .integer), ("number", .float), ("number", .bool): true
        case ("string", .text), ("string", .markup), ("mapping", .dictionary): true
        case ("defined", .undefined): false
        case ("defined", _): true
        case ("callable", .macro), ("callable", .method), ("callable", .function), ("callable", .undefined), ("callable", .loop): true
        case ("sequence", .undefined), ("sequence", .text), ("sequence", .markup), ("sequence", .list), ("sequence", .tuple),
            ("sequence", .dictionary):
            true
        case ("sequence", .range): true
        case ("iterable", .view), ("iterable", .lazy), ("iterable", .loop): true
        case ("iterable", _): isOfKind("sequence", value)
        default: false
        }
    }

    /// Python's `is`, where it does not depend on how Python keeps equal values.
    private func isSame(_ left: Value, _ right: Value) throws -> Bool {
        switch (left, right) {
        case (.none, .none): return true
        case (.bool(let a), .bool(let b)): return a == b
        case (.list(let a), .list(let b)): return a === b
        case (.tuple(let a), .tuple(let b)) where !a.values.isEmpty || !b.values.isEmpty: return a === b
        case (.dictionary(let a), .dictionary(let b)): return a === b
        case (.namespace(let a), .namespace(let b)): return a === b
        case (.macro(let a), .macro(let b)): return a === b
        case (.integer(let a), .integer(let b)) where a != b || (-5...256).contains(a): return a == b
        case (.text(let a), .text(let b)) where a != b: return false
        case (.none, _), (_, .none), (.bool, _), (_, .bool): return false
        default: throw Fault.unsupported("'sameas' of \(left.typeWords) and \(right.typeWords)")
        }
    }
}
