/// Carries out the statements of a template, once.
final class Interpreter {
    let budget: Budget
    let now: CalendarTime
    private let globals: Scope
    private var output = Text()

    /// How a body ended.
    enum Flow {
        case goesOn
        case breaks
        case continues
    }

    init(limits: ChatTemplateLimits, globals: Scope, now: CalendarTime) {
        budget = Budget(limits)
        self.globals = globals
        self.now = now
    }

    /// The text that the statements of a template write.
    func render(_ body: Statement.Body) throws -> String {
        let scope = Scope(in: globals, hiding: body.hidden)
        defer { scope.clear() }
        _ = try run(body.statements, in: scope)
        let text = output.string
        guard text.utf8.count <= budget.limits.outputBytes else {
            throw Fault("an output of more than \(budget.limits.outputBytes) bytes", .limit)
        }
        return text
    }

    func run(_ statements: [Statement], in scope: Scope) throws -> Flow {
        for statement in statements {
            let flow = try run(statement, in: scope)
            if flow != .goesOn { return flow }
        }
        return .goesOn
    }

    private func run(_ statement: Statement, in scope: Scope) throws -> Flow {
        try budget.enter(line: statement.line)
        defer { budget.leave() }
        do {
            return try carryOut(statement.form, in: scope)
        } catch let fault as Fault {
            throw fault.at(line: statement.line)
        }
    }

    private func carryOut(_ form: Statement.Form, in scope: Scope) throws -> Flow {
        switch form {
        case .data(let text): try write(text)
        case .output(let expression): try write(try printed(value(of: expression, in: scope)))
        case .conditional(let branches, let otherwise):
            for (test, body) in branches where try isTrue(value(of: test, in: scope)) { return try run(body, in: scope) }
            return try run(otherwise, in: scope)
        case .loop(let loop): return try run(loop, in: scope)
        case .set(let target, let expression): try assignChecked(target, expression, in: scope)
        case .capture(let target, let body):
            let (text, flow) = try captured(body.statements, in: Scope(in: scope, hiding: body.hidden))
            guard flow == .goesOn else { return flow }
            try assign(.text(text), to: target, in: scope)
        case .macro(let definition): scope[definition.name] = .macro(Macro(definition, in: scope))
        case .generation(let body): _ = try runScoped(body, in: scope)
        case .breakLoop: return .breaks
        case .continueLoop: return .continues
        }
        return .goesOn
    }

    func runScoped(_ body: Statement.Body, in scope: Scope) throws -> Flow {
        let inner = Scope(in: scope, hiding: body.hidden)
        defer { inner.clear() }
        return try run(body.statements, in: inner)
    }

    private func write(_ text: Text) throws {
        try budget.charge(text: output.count + text.count, made: text.count)
        output += text
    }

    /// What a body writes, in place of writing it.
    func captured(_ body: [Statement], in scope: Scope) throws -> (Text, Flow) {
        let outer = output
        output = Text()
        defer {
            output = outer
            scope.clear()
        }
        let flow = try run(body, in: scope)
        return (output, flow)
    }
}
