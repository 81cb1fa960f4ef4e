extension Interpreter {
    /// `callee(…)`.
    func call(_ callee: Value, _ arguments: Arguments) throws -> Value {
        switch callee {
        case .undefined(let reason): throw Fault(reason)
        case .macro(let macro): return .text(try call(macro, arguments))
        case .function(let function):
            try refuseMarkup(arguments)
            return try call(function, arguments)
        case .method(let method):
            try refuseMarkup(arguments)
            return try call(method, arguments)
        default: throw Fault("\(callee.typeWords) cannot be called")
        }
    }

    private func call(_ macro: Macro, _ arguments: Arguments) throws -> Text {
        let definition = macro.definition
        guard arguments.positional.count <= definition.parameters.count else {
            throw Fault("the macro '\(definition.name)' takes \(definition.parameters.count) arguments")
        }
        var keywords = arguments.keywords
        let scope = Scope(in: macro.scope, hiding: definition.body.hidden)
        defer { scope.clear() }
        var missing: [(name: String, initial: Expression?)] = []
        for (index, parameter) in definition.parameters.enumerated() {
            if index < arguments.positional.count {
                scope[parameter.name] = arguments.positional[index]
            } else if let place = keywords.firstIndex(where: { $0.name == parameter.name }) {
                scope[parameter.name] = keywords.remove(at: place).value
            } else {
                missing.append(parameter)
            }
        }
        if let (name, _) = keywords.first { throw Fault("the macro '\(definition.name)' takes no argument '\(name)'") }
        for (name, initial) in missing {
            scope[name] = try initial.map { try value(of: $0, in: scope) } ?? .undefined("the parameter '\(name)' was not given")
        }
        return try captured(definition.body.statements, in: scope).0
    }

    private func call(_ function: BuiltInFunction, _ arguments: Arguments) throws -> Value {
        switch function {
        case .range:
            let bounds = try arguments.integers(function.rawValue, 1...3)
            let (start, stop) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
            let step = bounds.count == 3 ? bounds[2] : 1
            return .range(try IntegerRange(start: start, stop: stop, step: step, limit: budget.limits.rangeLength))
        case .dictionary: return .dictionary(try dictionary(of: arguments, function.rawValue))
        case .namespace:
            let mapping = try dictionary(of: arguments, function.rawValue)
            for case .text(let name) in mapping.keys where name.first == "_" {
                throw Fault("attributes of namespaces do not begin with '_': '\(name.string)'")
            }
            return .namespace(Namespace(mapping))
        case .raiseException:
            let values = try arguments.bound(["message"], to: function.rawValue, required: 1)
            throw Fault(try printed(values[0] ?? .none).string, .raised)
        case .formattedTime:
            let values = try arguments.bound(["format"], to: function.rawValue, required: 1)
            guard case .text(let format)? = values[0] else { throw Fault("'strftime_now' takes a string") }
            return .text(try now.formatted(format))
        }
    }

    /// What Python's `dict` makes of a dictionary or of pairs, and of arguments with names.
    private func dictionary(of arguments: Arguments, _ function: String) throws -> Mapping {
        guard arguments.positional.count <= 1 else { throw Fault("'\(function)' takes one argument without a name") }
        let mapping = Mapping()
        switch arguments.positional.first {
        case nil: break
        case .dictionary(let other):
            try budget.charge(elements: other.count)
            for (key, value) in zip(other.keys, other.values) { try mapping.set(key, value) }
        case .some(let pairs):
            for pair in try elements(pairs) {
                let parts = try elements(pair)
                guard parts.count == 2 else { throw Fault("'\(function)' takes pairs of a key and a value") }
                try mapping.set(parts[0], parts[1])
            }
        }
        for (name, value) in arguments.keywords { try mapping.set(.text(name), value) }
        return mapping
    }
}
