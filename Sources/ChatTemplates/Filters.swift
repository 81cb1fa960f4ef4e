extension Interpreter {
    /// The filters of Jinja2 that are evaluated here.
    static let filterNames: Set<String> = [
        "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "indent", "int", "items", "join", "last", "length",
        "list",
        "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr", "sort",
        "string",
        "sum", "title", "tojson", "trim", "unique", "upper",
    ]

    /// `value | name(…)`.
    func filter(_ name: String, _ value: Value, _ arguments: Arguments) throws -> Value {
        try refuseMarkup(arguments)
        switch name {
        case "default", "d":
            let bound = try arguments.bound(["default_value", "boolean"], to: name)
            if case .undefined = value { return bound[0] ?? .text([]) }
            return bound[1].map(isTrue) == true && !isTrue(value) ? bound[0] ?? .text([]) : value
        case "length", "count":
            _ = try arguments.bound([], to: name)
            if case .loop(let loop) = value { return .integer(try loop.length(budget)) }
            guard let length = value.length else { throw Fault("\(value.typeWords) has no length") }
            return .integer(length)
        case _ where value.isMarkup: return try markupFilter(name, printed(value), arguments)
        case "safe":
            _ = try arguments.bound([], to: name)
            return .markup(try printed(value))
        case "abs", "int", "float", "round", "sum", "min", "max": return try numberFilter(name, value, arguments)
        case "first", "last", "list", "reverse", "items", "sort", "unique", "dictsort": return try sequenceFilter(name, value, arguments)
        case "map": return .lazy(try mapped(value, arguments))
        case "select", "reject", "selectattr", "rejectattr":
            return .lazy(try selected(value, arguments, byAttribute: name.hasSuffix("attr"), keeps: name.hasPrefix("select")))
        default: return .text(try textFilter(name, value, arguments))
        }
    }

    private func textFilter(_ name: String, _ value: Value, _ arguments: Arguments) throws -> Text {
        switch name {
        case "tojson": return try json(value, arguments)
        case "join": return try join(value, arguments)
        case "indent": return try indent(value, arguments)
        case "replace":
            let bound = try arguments.bound(["old", "new", "count"], to: name, required: 2)
            let (old, new) = (try printed(bound[0] ?? .none), try printed(bound[1] ?? .none))
            var count = -1
            if case .some(let value) = bound[2] {
                if case .none = value {} else { count = try integer(value, "'count' of 'replace'") }
            }
            return try replaced(printed(value), old, by: new, atMost: count)
        case "trim":
            let bound = try arguments.bound(["chars"], to: name)
            return try stripped(printed(value), bound[0])
        default: break
        }
        guard Self.filterNames.contains(name) else { throw Fault.unsupported("the filter '\(name)'") }
        _ = try arguments.bound([], to: name)
        let text = try printed(value)
        try budget.charge(everyOf: text)
        switch name {
        case "upper": return text.uppercased
        case "lower": return text.lowercased
        case "capitalize": return text.capitalized
        case "title": return text.titledByJinja
        default: return text
        }
    }

    func integer(_ value: Value, _ what: String) throws -> Int {
        guard case .integer(let number)? = Number(value) else { throw Fault("\(what) is an integer, not \(value.typeWords)") }
        return number
    }

    private func join(_ value: Value, _ arguments: Arguments) throws -> Text {
        let bound = try arguments.bound(["d", "attribute"], to: "join")
        let separator = try printed(bound[0] ?? .text([]))
        let path = try bound[1].flatMap(path)
        let next = try iterate(value)
        var builder = TextBuilder(budget)
        var isFirst = true
        while let element = try next() {
            if !isFirst { try builder.append(separator) }
            isFirst = false
            try append(try path.map { try follow($0, from: element) } ?? element, to: &builder)
        }
        return builder.text
    }

    private func indent(_ value: Value, _ arguments: Arguments) throws -> Text {
        let bound = try arguments.bound(["width", "first", "blank"], to: "indent")
        guard case .text(let text) = value else { throw Fault("'indent' takes a string, not \(value.typeWords)") }
        var margin = Text(repeating: " ", count: 4)
        if case .text(let own)? = bound[0] {
            margin = own
        } else if let width = bound[0] {
            let count = max(0, try integer(width, "'width' of 'indent'"))
            try budget.charge(text: count)
            margin = Text(repeating: " ", count: count)
        }
        let (indentsFirst, indentsBlank) = (bound[1].map(isTrue) ?? false, bound[2].map(isTrue) ?? false)
        var builder = TextBuilder(budget)
        for (index, line) in (text + ["\n"]).lines(keepsEnds: false).enumerated() {
            if index > 0 { try builder.append("\n") }
            if index > 0 ? indentsBlank || !line.isEmpty : indentsFirst { try builder.append(margin) }
            try builder.append(line)
        }
        return builder.text
    }
}
