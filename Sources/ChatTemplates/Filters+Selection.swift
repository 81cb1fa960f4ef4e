extension Interpreter {
    /// The attributes that a dotted path names, numbers as indices; nil for none.
    func path(_ attribute: Value) throws -> [Value]? {
        switch attribute {
        case .none: nil
        case .text(let text):
            text.split(separator: ".", omittingEmptySubsequences: false).map { part in
                part.allSatisfy(\.isASCIIDigit) ? Int(Text(part).string).map(Value.integer) ?? .text(Text(part)) : .text(Text(part))
            }
        default: [attribute]
        }
    }

    /// Several paths, between commas.
    func paths(_ attribute: Value) throws -> [[Value]] {
        guard case .text(let text) = attribute else { return [try path(attribute) ?? []] }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { try path(.text(Text($0))) ?? [] }
    }

    func follow(_ path: [Value], from value: Value, initial: Value? = nil) throws -> Value {
        var value = value
        for part in path {
            value = try item(part, of: value)
            if let initial, case .undefined = value { value = initial }
        }
        return value
    }

    /// What an element is ordered by.
    func sortingKey(_ element: Value, _ path: [Value], isCaseSensitive: Bool) throws -> Value {
        let key = try follow(path, from: element)
        if case .text(let text) = key, !isCaseSensitive {
            try budget.charge(everyOf: text)
            return .text(text.lowercased)
        }
        return key
    }

    /// `map`: an attribute of each element, or a filter's result.
    func mapped(_ value: Value, _ arguments: Arguments) throws -> LazySequence {
        try LazySequence(
            from: value,
            onceStarted { [unowned self] in
                guard isTrue(value) else { return { nil } }
                let change = try change(arguments)
                let next = try iterate(value)
                return { [unowned self] in
                    guard let element = try next() else { return nil }
                    try budget.charge()
                    return try change(element)
                }
            })
    }

    private func change(_ arguments: Arguments) throws -> (Value) throws -> Value {
        if arguments.positional.isEmpty, let attribute = arguments.keywords.first(where: { $0.name == "attribute" })?.value {
            let bound = try arguments.bound(["attribute", "default"], to: "map")
            let path = try path(attribute) ?? []
            var initial = bound[1]
            if case .some(.none) = initial { initial = nil }
            return { [unowned self] element in try follow(path, from: element, initial: initial) }
        }
        guard case .text(let name)? = arguments.positional.first else { throw Fault("'map' needs the name of a filter") }
        let rest = Arguments(positional: Array(arguments.positional.dropFirst()), keywords: arguments.keywords)
        return { [unowned self] element in try filter(name.string, element, rest) }
    }

    /// `select` and its kin: the elements that pass a test, or do not.
    func selected(_ value: Value, _ arguments: Arguments, byAttribute: Bool, keeps: Bool) throws -> LazySequence {
        try LazySequence(
            from: value,
            onceStarted { [unowned self] in
                guard isTrue(value) else { return { nil } }
                var rest = arguments
                var path: [Value] = []
                if byAttribute {
                    guard let attribute = rest.positional.first else { throw Fault("the name of an attribute is needed") }
                    path = try self.path(attribute) ?? []
                    rest.positional.removeFirst()
                }
                let passes = try passes(rest)
                let next = try iterate(value)
                return { [unowned self] in
                    while let element = try next() {
                        try budget.charge()
                        if try passes(follow(path, from: element)) == keeps { return element }
                    }
                    return nil
                }
            })
    }

    private func passes(_ arguments: Arguments) throws -> (Value) throws -> Bool {
        guard let first = arguments.positional.first else { return { [unowned self] in isTrue($0) } }
        guard case .text(let name) = first else { throw Fault("the name of a test is needed, not \(first.typeWords)") }
        let rest = Arguments(positional: Array(arguments.positional.dropFirst()), keywords: arguments.keywords)
        return { [unowned self] in try test(name.string, $0, rest) }
    }
}
