/// Makes statements of tokens; its methods follow those of Jinja2's parser, one for one.
struct Parser {
    private let tokens: [Token]
    private var index = 0
    private let limits: ChatTemplateLimits
    private var nesting = 0
    /// Loops around the statement, within the macro around it.
    var loopDepth = 0
    /// Unknown filters and tests that are errors unless they turn out to be within a condition, as in Jinja2.
    var unknownNames: [ChatTemplateError] = []
    /// Parameters of the macros around, where names that Jinja2 gives a meaning there are refused.
    var macroParameters: [[String]] = []

    init(_ tokens: [Token], limits: ChatTemplateLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    /// The statements of the whole template.
    mutating func template() throws -> Statement.Body {
        let (statements, _) = try body(until: [])
        try checkNames(from: 0)
        return NameAnalysis.analyzed(Statement.Body(statements: statements))
    }

    var current: Token { tokens[index] }

    var following: Token { tokens[min(index + 1, tokens.count - 1)] }

    func failure(_ reason: String, line: Int? = nil) -> ChatTemplateError {
        ChatTemplateError(kind: .syntax, line: line ?? current.line, reason: reason)
    }

    func unsupported(_ what: String, line: Int? = nil) -> ChatTemplateError {
        Fault.unsupported(what).at(line: line ?? current.line)
    }

    @discardableResult
    mutating func next() -> Token {
        defer { if index + 1 < tokens.count { index += 1 } }
        return tokens[index]
    }

    func isName(_ name: String) -> Bool { current.kind == .name(name) }

    func isSymbol(_ symbol: String) -> Bool { current.kind == .symbol(symbol) }

    mutating func skipName(_ name: String) -> Bool {
        guard isName(name) else { return false }
        next()
        return true
    }

    mutating func skipSymbol(_ symbol: String) -> Bool {
        guard isSymbol(symbol) else { return false }
        next()
        return true
    }

    mutating func expect(_ kind: Token.Kind) throws {
        guard current.kind == kind else {
            throw failure("\(Token(kind: kind, line: 0).words) is expected, not \(current.words)")
        }
        next()
    }

    mutating func expectName() throws -> String {
        guard case .name(let name) = current.kind else { throw failure("a name is expected, not \(current.words)") }
        next()
        return name
    }

    /// Runs a part of the parser one level deeper.
    mutating func nested<Result>(_ work: (inout Parser) throws -> Result) throws -> Result {
        guard nesting < limits.nesting else { throw Fault("more than \(limits.nesting) levels", .limit).at(line: current.line) }
        nesting += 1
        defer { nesting -= 1 }
        return try work(&self)
    }

    /// Refuses unknown filters and tests that were met since there were `count` of them.
    func checkNames(from count: Int) throws {
        if count < unknownNames.count { throw unknownNames[count] }
    }

    /// Lets unknown filters and tests pass that were met since there were `count` of them; they fail when they are reached.
    mutating func toleratesNames(from count: Int) { unknownNames.removeSubrange(count...) }

    /// An expression around others.
    func expression(_ form: Expression.Form, line: Int, around parts: [Expression] = []) throws -> Expression {
        let depth = 1 + (parts.lazy.map(\.depth).max() ?? 0)
        guard depth <= 2 * limits.nesting else {
            throw Fault("more than \(2 * limits.nesting) operations within each other", .limit).at(line: line)
        }
        return Expression(line: line, depth: depth, form: form)
    }
}
