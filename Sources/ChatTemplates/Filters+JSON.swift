/// Writes values as Python's `json.dumps` does.
private struct JSONWriter {
    var builder: TextBuilder
    var isASCII = false
    var indent: Text?
    var itemSeparator = Text(", ")
    var keySeparator = Text(": ")
    var sortsKeys = false

    mutating func write(_ value: Value, level: Int = 0) throws {
        try builder.budget.charge()
        switch value {
        case .none: try builder.append("null")
        case .bool(let flag): try builder.append(flag ? "true" : "false")
        case .integer(let number): try builder.append(String(number))
        case .float(let number): try builder.append(Self.text(number))
        case .text(let text): try builder.append(quoted(text))
        case .list(let elements), .tuple(let elements):
            try series("[", "]", count: elements.values.count, level: level) { writer, index in
                try writer.write(elements.values[index], level: level + 1)
            }
        case .dictionary(let mapping):
            let members = try members(mapping)
            try series("{", "}", count: members.count, level: level) { writer, index in
                try writer.builder.append(writer.quoted(members[index].key))
                try writer.builder.append(writer.keySeparator)
                try writer.write(members[index].value, level: level + 1)
            }
        default: throw Fault("\(value.typeWords) cannot be written as JSON")
        }
    }

    private mutating func series(
        _ start: String, _ end: String, count: Int, level: Int, _ element: (inout JSONWriter, Int) throws -> Void
    ) throws {
        try builder.append(start)
        for index in 0..<count {
            if index > 0 { try builder.append(itemSeparator) }
            try line(level + 1)
            try element(&self, index)
        }
        if count > 0 { try line(level) }
        try builder.append(end)
    }

    private mutating func line(_ level: Int) throws {
        guard let indent else { return }
        try builder.append("\n")
        for _ in 0..<level { try builder.append(indent) }
    }

    private func members(_ mapping: Mapping) throws -> [(key: Text, value: Value)] {
        var members: [(key: Text, value: Value)] = []
        for (key, value) in zip(mapping.keys, mapping.values) {
            switch key {
            case .text(let text): members.append((text, value))
            case .none: members.append((Text("null"), value))
            case .bool(let flag): members.append((Text(flag ? "true" : "false"), value))
            case .integer(let number): members.append((Text(String(number)), value))
            case .float(let number): members.append((Text(Self.text(number)), value))
            default: throw Fault("\(key.typeWords) cannot be a key in JSON")
            }
            if sortsKeys, case .text = key {} else if sortsKeys { throw Fault.unsupported("sorting keys that are no strings") }
        }
        return sortsKeys ? members.sorted { $0.key.lexicographicallyPrecedes($1.key) } : members
    }

    private static func text(_ number: Double) -> String {
        number.isNaN ? "NaN" : number.isInfinite ? (number < 0 ? "-Infinity" : "Infinity") : number.pythonText
    }

    private func quoted(_ text: Text) -> Text {
        var result: Text = ["\""]
        for scalar in text {
            switch scalar {
            case "\"", "\\": result += ["\\", scalar]
            case "\n": result += Text("\\n")
            case "\r": result += Text("\\r")
            case "\t": result += Text("\\t")
            case "\u{8}": result += Text("\\b")
            case "\u{C}": result += Text("\\f")
            case _ where scalar.value < 0x20 || (isASCII && scalar.value > 0x7E):
                for unit in String(scalar).utf16 { result += Text("\\u" + UInt32(unit).hex(4)) }
            default: result.append(scalar)
            }
        }
        return result + ["\""]
    }
}

extension Interpreter {
    /// The filter `tojson`, as transformers has it: no characters of HTML are escaped.
    func json(_ value: Value, _ arguments: Arguments) throws -> Text {
        let bound = try arguments.bound(["ensure_ascii", "indent", "separators", "sort_keys"], to: "tojson")
        var writer = JSONWriter(builder: TextBuilder(budget))
        writer.isASCII = bound[0].map(isTrue) ?? false
        writer.sortsKeys = bound[3].map(isTrue) ?? false
        switch bound[1] {
        case nil, .some(.none): break
        case .text(let text): writer.indent = text
        case .some(let width):
            let count = max(0, try integer(width, "'indent' of 'tojson'"))
            try budget.charge(text: count)
            writer.indent = Text(repeating: " ", count: count)
        }
        if writer.indent != nil { writer.itemSeparator = [","] }
        switch bound[2] {
        case nil, .some(.none): break
        case .some(let separators):
            let parts = try elements(separators)
            guard parts.count == 2 else { throw Fault("'separators' of 'tojson' are two strings") }
            (writer.itemSeparator, writer.keySeparator) = (try string(parts[0], "tojson"), try string(parts[1], "tojson"))
        }
        try writer.write(value)
        return writer.builder.text
    }
}
