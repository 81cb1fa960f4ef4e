/// Finds the names that Jinja2 takes for undefined, whatever their value outside, until the template assigns them.
enum NameAnalysis {
    /// The body of a scope, and those of the scopes within, with the names that begin undefined in each.
    static func analyzed(_ body: Statement.Body, outer: Set<String> = [], parameters: [String] = []) -> Statement.Body {
        var frame = NameFrame(outer: outer, parameters: parameters)
        visit(body.statements, &frame)
        let known = frame.known
        let hidden = frame.origins.filter { $0.value == .nowhere }.keys.sorted()
        return Statement.Body(statements: body.statements.map { analyzed($0, known) }, hidden: hidden)
    }

    private static func analyzed(_ statement: Statement, _ known: Set<String>) -> Statement {
        let form: Statement.Form
        switch statement.form {
        case .data, .output, .set, .breakLoop, .continueLoop: return statement
        case .conditional(let branches, let otherwise):
            form = .conditional(
                branches.map { ($0.test, $0.body.map { analyzed($0, known) }) }, otherwise: otherwise.map { analyzed($0, known) })
        case .loop(let loop):
            form = .loop(
                Statement.Loop(
                    target: loop.target, source: loop.source, filter: loop.filter,
                    body: analyzed(loop.body, outer: known, parameters: loop.target.names),
                    otherwise: analyzed(loop.otherwise, outer: known)))
        case .capture(let target, let body): form = .capture(target, analyzed(body, outer: known))
        case .macro(let macro):
            let body = analyzed(macro.body, outer: known, parameters: macro.parameters.map(\.name))
            form = .macro(Statement.MacroDefinition(name: macro.name, parameters: macro.parameters, body: body))
        case .generation(let body): form = .generation(analyzed(body, outer: known))
        }
        return Statement(line: statement.line, form: form)
    }

    private static func visit(_ statements: [Statement], _ frame: inout NameFrame) {
        for statement in statements {
            switch statement.form {
            case .output(let expression): frame.load(expression)
            case .conditional(let branches, let otherwise):
                for (test, _) in branches { frame.load(test) }
                frame.merge(
                    (branches.map(\.body) + [otherwise]).map { body in
                        var branch = frame
                        visit(body, &branch)
                        return branch
                    })
            case .loop(let loop): frame.load(loop.source)
            case .set(let target, let expression):
                frame.load(expression)
                visit(target, &frame)
            case .capture(let target, _): visit(target, &frame)
            case .macro(let macro): frame.store(macro.name)
            case .data, .generation, .breakLoop, .continueLoop: break
            }
        }
    }

    private static func visit(_ target: Statement.Target, _ frame: inout NameFrame) {
        switch target {
        case .name(let name): frame.store(name)
        case .attribute(let object, _): frame.load(object)
        case .tuple(let targets): for target in targets { visit(target, &frame) }
        }
    }
}

extension Statement.Target {
    /// The names that it assigns to.
    fileprivate var names: [String] {
        switch self {
        case .name(let name): [name]
        case .attribute: []
        case .tuple(let targets): targets.flatMap(\.names)
        }
    }
}
