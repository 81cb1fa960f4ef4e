/// Text that is marked as safe: what `markupsafe` does where templates use it, and refusals of the rest.
extension Interpreter {
    /// Markup and a string together, what is not marked with its characters of HTML escaped.
    func addedMarkup(_ left: Value, _ right: Value) throws -> Value {
        func marked(_ value: Value) throws -> Text {
            switch value {
            case .markup(let text): return text
            case .text(let text): return try escaped(text)
            default: throw Fault("\(left.typeWords) + \(right.typeWords)")
            }
        }
        let (left, right) = (try marked(left), try marked(right))
        try budget.charge(text: left.count + right.count)
        return .markup(left + right)
    }

    private func escaped(_ text: Text) throws -> Text {
        try budget.charge(text: text.count)
        let names: [Unicode.Scalar: String] = ["&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", "\"": "&#34;"]
        return text.flatMap { scalar in names[scalar].map { Text($0) } ?? [scalar] }
    }

    /// The result of a filter of marked text.
    func markupFilter(_ name: String, _ text: Text, _ arguments: Arguments) throws -> Value {
        guard ["safe", "string"].contains(name) else { throw Fault.unsupported("the filter '\(name)' of a string marked as safe") }
        _ = try arguments.bound([], to: name)
        return .markup(text)
    }

    /// Refuses marked text as an argument of what would treat it in a way of its own.
    func refuseMarkup(_ arguments: Arguments) throws {
        for case .markup in arguments.positional + arguments.keywords.map(\.value) {
            throw Fault.unsupported("an argument that is a string marked as safe")
        }
    }
}
