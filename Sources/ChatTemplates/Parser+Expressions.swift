extension Parser {
    /// An expression, with an `if` behind it where that is allowed.
    mutating func expression(allowsCondition: Bool = true) throws -> Expression {
        try nested { parser in allowsCondition ? try parser.condition() : try parser.or() }
    }

    private mutating func condition() throws -> Expression {
        let line = current.line
        let names = unknownNames.count
        var result = try or()
        while skipName("if") {
            let test = try or()
            let otherwise = skipName("else") ? try nested { parser in try parser.condition() } : nil
            result = try expression(
                .conditional(test: test, then: result, otherwise: otherwise), line: line,
                around: [test, result] + (otherwise.map { [$0] } ?? []))
            toleratesNames(from: names)
        }
        return result
    }

    private mutating func or() throws -> Expression {
        var left = try and()
        while isName("or") {
            let line = next().line
            let right = try and()
            left = try expression(.or(left, right), line: line, around: [left, right])
        }
        return left
    }

    private mutating func and() throws -> Expression {
        var left = try not()
        while isName("and") {
            let line = next().line
            let right = try not()
            left = try expression(.and(left, right), line: line, around: [left, right])
        }
        return left
    }

    private mutating func not() throws -> Expression {
        guard isName("not") else { return try comparison() }
        let line = next().line
        let operand = try nested { parser in try parser.not() }
        return try expression(.not(operand), line: line, around: [operand])
    }

    private mutating func comparison() throws -> Expression {
        let line = current.line
        let first = try arithmetic(level: 0)
        var rest: [(Expression.Comparison, Expression)] = []
        while let comparison = comparisonSign() { rest.append((comparison, try arithmetic(level: 0))) }
        return rest.isEmpty ? first : try expression(.comparison(first, rest), line: line, around: [first] + rest.map(\.1))
    }

    private mutating func comparisonSign() -> Expression.Comparison? {
        if case .symbol(let symbol) = current.kind, let comparison = Expression.Comparison(rawValue: symbol) {
            next()
            return comparison
        }
        if skipName("in") { return .isIn }
        guard isName("not"), following.kind == .name("in") else { return nil }
        next()
        next()
        return .isNotIn
    }

    private static let levels: [Set<String>] = [["+", "-"], ["~"], ["*", "/", "//", "%"], ["**"]]

    /// Operators of a level, which bind less than those of the next: sums, concatenations, products, powers.
    private mutating func arithmetic(level: Int) throws -> Expression {
        guard level < Self.levels.count else { return try unary() }
        var left = try arithmetic(level: level + 1)
        var parts = [left]
        while case .symbol(let symbol) = current.kind, Self.levels[level].contains(symbol) {
            let line = next().line
            let right = try arithmetic(level: level + 1)
            if let operation = Expression.Arithmetic(rawValue: symbol) {
                left = try expression(.arithmetic(left, operation, right), line: line, around: [left, right])
            } else {
                parts.append(right)
            }
        }
        return parts.count == 1 ? left : try expression(.concatenation(parts), line: left.line, around: parts)
    }

    private mutating func unary(allowsFilters: Bool = true) throws -> Expression {
        let line = current.line
        var result: Expression
        if isSymbol("-") || isSymbol("+") {
            let isNegative = next().kind == .symbol("-")
            let operand = try nested { parser in try parser.unary(allowsFilters: false) }
            result = try expression(.sign(operand, isNegative: isNegative), line: line, around: [operand])
        } else {
            result = try primary()
        }
        result = try postfix(result)
        return allowsFilters ? try filters(result) : result
    }
}
