extension Interpreter {
    /// The methods of strings that are evaluated here.
    static let textMethods: Set<String> = [
        "capitalize", "count", "endswith", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric",
        "isspace", "isupper", "join", "lower", "lstrip", "removeprefix", "removesuffix", "replace", "rfind", "rindex", "rsplit", "rstrip",
        "split", "splitlines", "startswith", "strip", "title", "upper",
    ]

    /// Calls a method of a string.
    func call(_ name: String, of text: Text, _ arguments: Arguments) throws -> Value {
        switch name {
        case "split", "rsplit", "splitlines": return try split(name, text, arguments)
        case "find", "rfind", "index", "rindex", "count", "startswith", "endswith": return try search(name, text, arguments)
        case "strip", "lstrip", "rstrip":
            let values = try arguments.unnamed(name, 0...1)
            return .text(try stripped(text, values.first, start: name != "rstrip", end: name != "lstrip"))
        case "removeprefix", "removesuffix":
            let part = try string(arguments.unnamed(name, 1...1)[0], name)
            try budget.charge(text: text.count)
            if name == "removeprefix" { return .text(text.has(part, at: 0) ? Text(text.dropFirst(part.count)) : text) }
            return .text(text.has(part, at: text.count - part.count) ? Text(text.dropLast(part.count)) : text)
        case "replace":
            let values = try arguments.unnamed(name, 2...3)
            let count = try values.count == 3 ? integer(values[2], "the count of 'replace'") : -1
            return .text(try replaced(text, string(values[0], name), by: string(values[1], name), atMost: count))
        case "join":
            var builder = TextBuilder(budget)
            for (index, element) in try elements(arguments.unnamed(name, 1...1)[0]).enumerated() {
                if index > 0 { try builder.append(text) }
                try builder.append(try string(element, name))
            }
            return .text(builder.text)
        default: break
        }
        _ = try arguments.unnamed(name, 0...0)
        try budget.charge(everyOf: text)
        switch name {
        case "upper": return .text(text.uppercased)
        case "lower": return .text(text.lowercased)
        case "capitalize": return .text(text.capitalized)
        case "title": return .text(text.titled)
        default: return .bool(try text.isAll(name))
        }
    }

    func string(_ value: Value, _ what: String) throws -> Text {
        guard case .text(let text) = value else { throw Fault("'\(what)' takes strings, not \(value.typeWords)") }
        return text
    }

    /// A text without white space, or the characters given, at its ends.
    func stripped(_ text: Text, _ characters: Value?, start: Bool = true, end: Bool = true) throws -> Text {
        switch characters {
        case nil, .some(.none):
            try budget.charge(text: text.count)
            return text.stripped(start: start, end: end)
        case .some(let value):
            let characters = try string(value, "strip")
            try budget.charge(search: text.count, characters.count)
            return text.stripped(characters, start: start, end: end)
        }
    }

    /// A text with another part in place of each of the first so many, of all where it is less than 0.
    func replaced(_ text: Text, _ old: Text, by new: Text, atMost count: Int) throws -> Text {
        try budget.charge(search: text.count, old.count)
        var left = count < 0 ? Int.max : count
        var builder = TextBuilder(budget)
        var index = 0
        while left > 0, let place = text.place(of: old, in: index..<text.count) {
            try builder.append(Text(text[index..<place]))
            try builder.append(new)
            left -= 1
            index = place + old.count
            if old.isEmpty {
                guard place < text.count else { return builder.text }
                try builder.append([text[place]])
                index = place + 1
            }
        }
        try builder.append(Text(text[index...]))
        return builder.text
    }
}

extension Text {
    /// Python's `str.isdigit` and its kin.
    fileprivate func isAll(_ name: String) throws -> Bool {
        func all(_ test: (Unicode.Scalar) -> Bool) -> Bool { !isEmpty && allSatisfy(test) }
        func isLetter(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
            default: false
            }
        }
        switch name {
        case "isdigit": return all { $0.properties.numericType == .decimal || $0.properties.numericType == .digit }
        case "isdecimal": return all { $0.properties.numericType == .decimal }
        case "isnumeric": return all { $0.properties.numericType != nil }
        case "isspace": return all(\.isPythonSpace)
        case "isalpha": return all(isLetter)
        case "isalnum": return all { isLetter($0) || $0.properties.numericType != nil }
        case "isascii": return allSatisfy(\.isASCII)
        case "islower": return isCased(\.isLowercase, not: \.isUppercase)
        case "isupper": return isCased(\.isUppercase, not: \.isLowercase)
        default: throw Fault.unsupported("the method '\(name)' of strings")
        }
    }
}
