extension Interpreter {
    /// The value of an expression.
    func value(of expression: Expression, in scope: Scope) throws -> Value {
        try budget.enter(line: expression.line)
        defer { budget.leave() }
        do {
            switch expression.form {
            case .none: return .none
            case .bool(let flag): return .bool(flag)
            case .integer(let number): return .integer(number)
            case .float(let number): return .float(number)
            case .text(let text): return .text(text)
            case .name(let name): return try self.name(name, in: scope)
            case .attribute(let base, let name): return try attribute(name, of: value(of: base, in: scope))
            case .item(let base, let index): return try item(value(of: index, in: scope), of: value(of: base, in: scope))
            case .call(let callee, let arguments):
                return try call(value(of: callee, in: scope), values(of: arguments, in: scope))
            case .filter(let base, let name, let arguments):
                return try filter(name, value(of: base, in: scope), values(of: arguments, in: scope))
            case .test(let base, let name, let arguments):
                return .bool(try test(name, value(of: base, in: scope), values(of: arguments, in: scope)))
            default: return try operation(expression.form, in: scope)
            }
        } catch let fault as Fault {
            throw fault.at(line: expression.line)
        }
    }

    private func name(_ name: String, in scope: Scope) throws -> Value {
        if let value = scope[name] { return value }
        guard !["cycler", "joiner", "lipsum", "self"].contains(name) else { throw Fault.unsupported("'\(name)'") }
        return .undefined("'\(name)' is undefined")
    }

    func values(of arguments: Expression.Arguments, in scope: Scope) throws -> Arguments {
        var values = Arguments()
        values.positional = try self.values(of: arguments.positional, in: scope)
        for (name, expression) in arguments.keywords { values.keywords.append((name, try value(of: expression, in: scope))) }
        return values
    }

    private func values(of expressions: [Expression], in scope: Scope) throws -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try value(of: expression, in: scope)) }
        return values
    }

    private func operation(_ form: Expression.Form, in scope: Scope) throws -> Value {
        switch form {
        case .list(let items): return .list(try Elements(values(of: items, in: scope)))
        case .tuple(let items): return .tuple(try Elements(values(of: items, in: scope)))
        case .dictionary(let items):
            let mapping = Mapping()
            for (key, item) in items { try mapping.set(value(of: key, in: scope), value(of: item, in: scope)) }
            return .dictionary(mapping)
        case .slice(let base, let start, let stop, let step):
            let base = try value(of: base, in: scope)
            let bounds = try [start, stop, step].map { try $0.map { try value(of: $0, in: scope) } }
            return try slice(base, start: bounds[0], stop: bounds[1], step: bounds[2])
        case .not(let operand): return .bool(!isTrue(try value(of: operand, in: scope)))
        case .sign(let operand, let isNegative): return try signed(value(of: operand, in: scope), isNegative: isNegative)
        case .arithmetic(let left, let operation, let right):
            return try arithmetic(value(of: left, in: scope), operation, value(of: right, in: scope))
        case .concatenation(let parts):
            var builder = TextBuilder(budget)
            for part in parts { try append(try value(of: part, in: scope), to: &builder) }
            return .text(builder.text)
        default: return try decision(form, in: scope)
        }
    }

    /// Operations that may leave a part unevaluated.
    private func decision(_ form: Expression.Form, in scope: Scope) throws -> Value {
        switch form {
        case .and(let left, let right):
            let value = try value(of: left, in: scope)
            return isTrue(value) ? try self.value(of: right, in: scope) : value
        case .or(let left, let right):
            let value = try value(of: left, in: scope)
            return isTrue(value) ? value : try self.value(of: right, in: scope)
        case .conditional(let test, let then, let otherwise):
            if isTrue(try value(of: test, in: scope)) { return try value(of: then, in: scope) }
            return try otherwise.map { try value(of: $0, in: scope) } ?? .undefined("an 'if' without 'else' whose condition is false")
        case .comparison(let first, let rest):
            var left = try value(of: first, in: scope)
            for (comparison, expression) in rest {
                let right = try value(of: expression, in: scope)
                guard try compare(left, comparison, right) else { return .bool(false) }
                left = right
            }
            return .bool(true)
        default: throw Fault("an expression that cannot be evaluated")
        }
    }
}
