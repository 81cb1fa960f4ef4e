extension Interpreter {
    /// `base.name`: a method or an attribute, or else the item of that name.
    func attribute(_ name: Text, of base: Value) throws -> Value {
        if case .undefined(let reason) = base { throw Fault(reason) }
        guard !base.isMarkup else { throw Fault.unsupported("'\(name.string)' of a string marked as safe") }
        if let found = try member(name, of: base) { return found }
        if case .dictionary(let mapping) = base, let value = mapping[name] { return value }
        return .undefined("\(base.typeWords) has no '\(name.string)'")
    }

    /// `base[index]`: an item, or else the attribute of that name.
    func item(_ index: Value, of base: Value) throws -> Value {
        if case .undefined(let reason) = base { throw Fault(reason) }
        guard !base.isMarkup, !index.isMarkup else { throw Fault.unsupported("an item of, or by, a string marked as safe") }
        if let found = try element(index, of: base) { return found }
        guard case .text(let name) = index else { return .undefined("\(base.typeWords) has no such element") }
        return try member(name, of: base) ?? .undefined("\(base.typeWords) has no '\(name.string)'")
    }

    /// The value of a key of a dictionary.
    func value(of key: Value, in mapping: Mapping) throws -> Value? {
        if case .text(let text) = key { try budget.charge(text.count / 16) }
        return mapping[try Key(key)]
    }

    private func element(_ index: Value, of base: Value) throws -> Value? {
        if case .dictionary(let mapping) = base {
            switch index {
            case .list, .dictionary: return nil
            default: return try value(of: index, in: mapping)
            }
        }
        guard let length = base.length, case .integer(let number)? = Number(index) else { return nil }
        let place = number < 0 ? number + length : number
        guard place >= 0, place < length else { return nil }
        switch base {
        case .text(let text): return .text([text[place]])
        case .list(let elements), .tuple(let elements): return elements.values[place]
        case .range(let range): return .integer(range[place])
        default: return nil
        }
    }

    /// What Python finds as an attribute; an undefined value for what the sandbox hides, nil for what does not exist.
    private func member(_ name: Text, of base: Value) throws -> Value? {
        let name = name.string
        if name.hasPrefix("__"), name.hasSuffix("__") { return .undefined("'\(name)' is not open to templates") }
        switch base {
        case .text:
            if Self.textMethods.contains(name) { return .method(BoundMethod(base, name)) }
            if Self.refusedTextMethods.contains(name) { throw Fault.unsupported("the method '\(name)' of strings") }
        case .dictionary:
            if ["get", "items", "keys", "values", "copy"].contains(name) { return .method(BoundMethod(base, name)) }
            if name == "fromkeys" { throw Fault.unsupported("the method 'fromkeys'") }
            return try hidden(name, ["clear", "pop", "popitem", "setdefault", "update"])
        case .list:
            if ["index", "count", "copy"].contains(name) { return .method(BoundMethod(base, name)) }
            return try hidden(name, ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"])
        case .tuple, .range:
            if name == "index" || name == "count" { return .method(BoundMethod(base, name)) }
            if case .range = base, ["start", "stop", "step"].contains(name) { throw Fault.unsupported("'\(name)' of a range") }
        case .namespace(let namespace): return namespace.attributes[Text(name)]
        case .loop(let loop): return try loop.attribute(name, budget)
        case .bool, .integer, .float:
            guard !Self.refusedNumberMembers.contains(name) else { throw Fault.unsupported("'\(name)' of a number") }
        case .macro, .method, .function, .lazy, .view:
            guard !Self.refusedMembers.contains(name) else { throw Fault.unsupported("'\(name)' of \(base.typeWords)") }
        case .undefined, .none, .markup: break
        }
        return nil
    }

    private func hidden(_ name: String, _ names: [String]) throws -> Value? {
        names.contains(name) ? .undefined("'\(name)' would change a value, which templates cannot") : nil
    }

    private static let refusedNumberMembers: Set<String> = [
        "real", "imag", "conjugate", "numerator", "denominator", "bit_length", "bit_count", "to_bytes", "from_bytes", "as_integer_ratio",
        "is_integer", "hex", "fromhex",
    ]

    /// What macros, iterators and views have in Python, and `dict` has in transformers.
    private static let refusedMembers: Set<String> = [
        "arguments", "caller", "catch_kwargs", "catch_varargs", "close", "explicit_caller", "fromkeys", "gi_code", "gi_frame", "gi_running",
        "gi_suspended", "gi_yieldfrom", "isdisjoint", "mapping", "name", "send", "throw",
    ]

    private static let refusedTextMethods: Set<String> = [
        "casefold", "center", "istitle", "encode", "expandtabs", "format", "format_map", "isidentifier", "isprintable", "ljust",
        "maketrans", "partition",
        "rjust", "rpartition", "swapcase", "translate", "zfill",
    ]
}
