extension Interpreter {
    /// Assigns the value of an expression; attributes only to namespaces, which is looked at first.
    func assignChecked(_ target: Statement.Target, _ expression: Expression, in scope: Scope) throws {
        try checkNamespaces(target, in: scope)
        try assign(try value(of: expression, in: scope), to: target, in: scope)
    }

    private func checkNamespaces(_ target: Statement.Target, in scope: Scope) throws {
        switch target {
        case .name: break
        case .attribute(let object, _): _ = try namespace(object, in: scope)
        case .tuple(let targets): for target in targets { try checkNamespaces(target, in: scope) }
        }
    }

    private func namespace(_ name: String, in scope: Scope) throws -> Namespace {
        guard case .namespace(let namespace) = scope[name] else { throw Fault("'\(name)' is no namespace: its attributes cannot be set") }
        return namespace
    }

    func assign(_ value: Value, to target: Statement.Target, in scope: Scope) throws {
        switch target {
        case .name(let name): scope[name] = value
        case .attribute(let object, let name):
            guard !name.hasPrefix("_") else { throw Fault("attributes of namespaces do not begin with '_': '\(name)'") }
            try namespace(object, in: scope).attributes.set(.text(name), value)
        case .tuple(let targets):
            let next = try iterate(value)
            var values: [Value] = []
            while values.count <= targets.count, let value = try next() { values.append(value) }
            guard values.count == targets.count else {
                throw Fault("\(targets.count) values are expected, not \(values.count > targets.count ? "more" : "\(values.count)")")
            }
            for (target, value) in zip(targets, values) { try assign(value, to: target, in: scope) }
        }
    }

    /// Runs a loop's body for each element, and what is under `else` when no run of the body reached its end.
    func run(_ loop: Statement.Loop, in scope: Scope) throws -> Flow {
        let source = try value(of: loop.source, in: scope)
        var next = try iterate(source)
        if let filter = loop.filter { next = filtered(next, by: filter, target: loop.target, in: scope) }
        let state = LoopState(next, length: loop.filter == nil ? source.length : nil)
        var isFinished = false
        let inner = Scope(in: scope)
        loop: while let element = try state.next() {
            try budget.charge()
            defer { inner.clear() }
            inner.hide(loop.body.hidden)
            inner["loop"] = .loop(state)
            try assign(element, to: loop.target, in: inner)
            switch try run(loop.body.statements, in: inner) {
            case .goesOn: isFinished = true
            case .breaks: break loop
            case .continues: break
            }
        }
        return isFinished ? .goesOn : try runScoped(loop.otherwise, in: scope)
    }

    private func filtered(_ next: @escaping Pull, by filter: Expression, target: Statement.Target, in scope: Scope) -> Pull {
        { [unowned self] in
            while let element = try next() {
                try budget.charge()
                let inner = Scope(in: scope)
                try assign(element, to: target, in: inner)
                if isTrue(try value(of: filter, in: inner)) { return element }
            }
            return nil
        }
    }
}
