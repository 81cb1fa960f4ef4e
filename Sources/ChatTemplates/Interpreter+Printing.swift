extension Interpreter {
    /// A value as Python's `str` writes it.
    func printed(_ value: Value) throws -> Text {
        switch value {
        case .text(let text), .markup(let text): return text
        default: break
        }
        var builder = TextBuilder(budget)
        try append(value, to: &builder)
        return builder.text
    }

    /// Appends a value as Python's `str` writes it.
    func append(_ value: Value, to builder: inout TextBuilder) throws {
        switch value {
        case .undefined: break
        case .text(let text), .markup(let text): try builder.append(text)
        default: try appendLiteral(value, to: &builder)
        }
    }

    /// Appends a value as Python's `repr` writes it.
    private func appendLiteral(_ value: Value, to builder: inout TextBuilder) throws {
        switch value {
        case .undefined: try builder.append("Undefined")
        case .none: try builder.append("None")
        case .bool(let flag): try builder.append(flag ? "True" : "False")
        case .integer(let number): try builder.append(String(number))
        case .float(let number): try builder.append(number.pythonText)
        case .text(let text): try builder.append(text.quoted)
        case .list(let elements): try appendSeries("[", elements.values, "]", to: &builder)
        case .tuple(let elements): try appendSeries("(", elements.values, elements.values.count == 1 ? ",)" : ")", to: &builder)
        case .dictionary(let mapping): try append(mapping, to: &builder)
        case .range(let range):
            try builder.append("range(\(range.start), \(range.stop)" + (range.step == 1 ? ")" : ", \(range.step))"))
        case .view(let view):
            try appendSeries(view.part.rawValue + "([", (0..<view.mapping.count).map { try view.element($0) }, "])", to: &builder)
        case .namespace(let namespace):
            try builder.append("<Namespace ")
            try append(namespace.attributes, to: &builder)
            try builder.append(">")
        case .loop, .macro, .lazy, .method, .function, .markup: throw Fault.unsupported("printing \(value.typeWords)")
        }
    }

    private func appendSeries(_ start: String, _ values: [Value], _ end: String, to builder: inout TextBuilder) throws {
        try builder.append(start)
        for (index, value) in values.enumerated() {
            if index > 0 { try builder.append(", ") }
            try appendLiteral(value, to: &builder)
        }
        try builder.append(end)
    }

    private func append(_ mapping: Mapping, to builder: inout TextBuilder) throws {
        try builder.append("{")
        for (index, (key, value)) in zip(mapping.keys, mapping.values).enumerated() {
            if index > 0 { try builder.append(", ") }
            try appendLiteral(key, to: &builder)
            try builder.append(": ")
            try appendLiteral(value, to: &builder)
        }
        try builder.append("}")
    }
}

extension Text {
    /// The text in quotes, as Python's `repr` writes it.
    var quoted: Text {
        let quote: Unicode.Scalar = contains("'") && !contains("\"") ? "\"" : "'"
        var result: Text = [quote]
        for scalar in self {
            switch scalar {
            case "\\", quote: result += ["\\", scalar]
            case "\n": result += Text("\\n")
            case "\r": result += Text("\\r")
            case "\t": result += Text("\\t")
            case _ where scalar.isPrintable: result.append(scalar)
            case _ where scalar.value < 0x100: result += Text("\\x" + scalar.value.hex(2))
            case _ where scalar.value < 0x10000: result += Text("\\u" + scalar.value.hex(4))
            default: result += Text("\\U" + scalar.value.hex(8))
            }
        }
        result.append(quote)
        return result
    }
}

extension UInt32 {
    /// The number in so many hexadecimal digits at least.
    func hex(_ width: Int) -> String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}

extension Unicode.Scalar {
    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: self == " "
        default: true
        }
    }
}
