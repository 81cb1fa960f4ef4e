extension Interpreter {
    /// Filters that take, order or list elements.
    func sequenceFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws -> Value {
        switch name {
        case "first":
            _ = try arguments.bound([], to: name)
            return try iterate(value)() ?? .undefined("the sequence is empty")
        case "last", "reverse":
            _ = try arguments.bound([], to: name)
            return try fromTheEnd(value, isLast: name == "last")
        case "list":
            _ = try arguments.bound([], to: name)
            return .list(try Elements(elements(value)))
        case "items":
            _ = try arguments.bound([], to: name)
            return .lazy(try items(value))
        case "sort":
            let bound = try arguments.bound(["reverse", "case_sensitive", "attribute"], to: name)
            let paths = try bound[2].map(paths) ?? [[]]
            let isCaseSensitive = bound[1].map(isTrue) ?? false
            let sorted = try sorted(elements(value), isReversed: try bound[0].map { try integer($0, "'reverse'") != 0 } ?? false) {
                element in
                .list(try Elements(try paths.map { try sortingKey(element, $0, isCaseSensitive: isCaseSensitive) }))
            }
            return .list(try Elements(sorted))
        case "unique":
            let bound = try arguments.bound(["case_sensitive", "attribute"], to: name)
            return .lazy(try unique(value, path: bound[1].flatMap(path) ?? [], isCaseSensitive: bound[0].map(isTrue) ?? false))
        default: return try sortedItems(value, arguments)
        }
    }

    private func fromTheEnd(_ value: Value, isLast: Bool) throws -> Value {
        if case .lazy = value, isLast { throw Fault("an iterator has no last element") }
        if case .text(let text) = value, !isLast { return .text(text.reversed()) }
        let all = try elements(value)
        if isLast { return all.last ?? .undefined("the sequence is empty") }
        if case .lazy = value { return .list(try Elements(all.reversed())) }
        var index = all.count
        return .lazy(
            try LazySequence(from: value) {
                guard index > 0 else { return nil }
                index -= 1
                return all[index]
            })
    }

    private func items(_ value: Value) throws -> LazySequence {
        try LazySequence(
            from: value,
            onceStarted { [unowned self] in
                switch value {
                case .undefined: return { nil }
                case .dictionary(let mapping): return try iterate(.view(MappingView(mapping: mapping, part: .items)))
                default: throw Fault("\(value.typeWords) has no items")
                }
            })
    }

    private func unique(_ value: Value, path: [Value], isCaseSensitive: Bool) throws -> LazySequence {
        var seen = Set<Key>()
        return try LazySequence(
            from: value,
            onceStarted { [unowned self] in
                let next = try iterate(value)
                return { [unowned self] in
                    while let element = try next() {
                        try budget.charge()
                        if seen.insert(try Key(sortingKey(element, path, isCaseSensitive: isCaseSensitive))).inserted { return element }
                    }
                    return nil
                }
            })
    }

    /// A sequence whose source is looked at when its first element is wanted, as Python's generators do.
    func onceStarted(_ start: @escaping () throws -> Pull) -> Pull {
        var source: Pull?
        return {
            let next = try source ?? start()
            source = next
            return try next()
        }
    }

    private func sortedItems(_ value: Value, _ arguments: Arguments) throws -> Value {
        let bound = try arguments.bound(["case_sensitive", "by", "reverse"], to: "dictsort")
        let part = try bound[1].map { try printed($0).string } ?? "key"
        guard part == "key" || part == "value" else { throw Fault("'dictsort' sorts by key or value, not '\(part)'") }
        guard case .dictionary(let mapping) = value else { throw Fault("'dictsort' takes a dictionary, not \(value.typeWords)") }
        let isCaseSensitive = bound[0].map(isTrue) ?? false
        let items = try elements(.view(MappingView(mapping: mapping, part: .items)))
        let sorted = try sorted(items, isReversed: try bound[2].map { try integer($0, "'reverse'") != 0 } ?? false) { item in
            guard case .tuple(let pair) = item else { return item }
            return try sortingKey(pair.values[part == "key" ? 0 : 1], [], isCaseSensitive: isCaseSensitive)
        }
        return .list(try Elements(sorted))
    }

    /// Elements in the order of their keys; equal ones stay in order.
    private func sorted(_ elements: [Value], isReversed: Bool, by key: (Value) throws -> Value) throws -> [Value] {
        var keyed: [(offset: Int, key: Value)] = []
        for (offset, element) in elements.enumerated() { keyed.append((offset, try key(element))) }
        try keyed.sort { a, b in
            if try isReversed ? isLess(b.key, a.key) : isLess(a.key, b.key) { return true }
            if try isReversed ? isLess(a.key, b.key) : isLess(b.key, a.key) { return false }
            return a.offset < b.offset
        }
        return keyed.map { elements[$0.offset] }
    }
}
