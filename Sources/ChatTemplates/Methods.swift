extension Interpreter {
    /// Calls a method of a value.
    func call(_ method: BoundMethod, _ arguments: Arguments) throws -> Value {
        switch method.receiver {
        case .text(let text): return try call(method.name, of: text, arguments)
        case .dictionary(let mapping): return try call(method.name, of: mapping, arguments)
        case .loop(let loop):
            guard arguments.keywords.isEmpty else { throw Fault("'\(method.name)' takes no arguments with names") }
            if method.name == "cycle" { return try loop.cycle(arguments.positional) }
            return .bool(try loop.changed(arguments.positional) { try isEqual($0, $1) })
        default: return try search(method, arguments)
        }
    }

    private func call(_ name: String, of mapping: Mapping, _ arguments: Arguments) throws -> Value {
        switch name {
        case "get":
            let values = try arguments.unnamed(name, 1...2)
            return try value(of: values[0], in: mapping) ?? (values.count == 2 ? values[1] : .none)
        case "copy":
            _ = try arguments.unnamed(name, 0...0)
            return .dictionary(mapping)
        default:
            _ = try arguments.unnamed(name, 0...0)
            let part: MappingView.Part = name == "keys" ? .keys : name == "values" ? .values : .items
            return .view(MappingView(mapping: mapping, part: part))
        }
    }

    /// `index`, `count` and `copy` of lists, tuples and ranges.
    private func search(_ method: BoundMethod, _ arguments: Arguments) throws -> Value {
        if method.name == "copy" {
            _ = try arguments.unnamed(method.name, 0...0)
            return method.receiver
        }
        let wanted = try arguments.unnamed(method.name, 1...1)[0]
        let next = try iterate(method.receiver)
        var (index, count) = (0, 0)
        while let element = try next() {
            if try isEqual(element, wanted) {
                if method.name == "index" { return .integer(index) }
                count += 1
            }
            index += 1
        }
        guard method.name == "count" else { throw Fault("'index' finds nothing") }
        return .integer(count)
    }
}
